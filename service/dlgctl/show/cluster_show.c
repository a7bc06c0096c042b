#include "show/cluster_show.h"

#include "show/progress.h"
#include "show/show.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

const char *cluster_size(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    static char texts[4][32];
    static int turn;
    char *text = texts[turn = (turn + 1) % 4];
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    snprintf(text, sizeof texts[0], "%.*f %s", unit ? 1 : 0, value, units[unit]);
    return text;
}

/* ---- For people ---- */

static void show_sums(const dlg_cluster_info *info)
{
    if (!info->distributed) {
        printf("Citus %s. The tables are not distributed; `dlgctl cluster distribute` does that.\n", info->citus);
        return;
    }
    printf(
        "Citus %s, %u shards%s, %s, about %s messages. Largest node: %.2f times the mean by size, %.2f by messages.\n",
        info->citus, info->shards, info->users_distributed ? ", users beside dialogs" : "", cluster_size(info->bytes),
        progress_number(info->rows), info->skew_bytes, info->skew_rows);
    if (info->unknown_shards)
        printf(
            "%u shards have no statistics yet and are missing in these estimates; ANALYZE public.dialogs cures that.\n",
            info->unknown_shards);
}

static const char *state_of(const dlg_cluster_node *node)
{
    if (!node->active)
        return "disabled";
    if (!node->answers)
        return "silent";
    if (!node->reachable)
        return "unreachable";
    return node->ready ? "ready" : "not ready";
}

/* Time servers keep nodes within milliseconds. */
enum { SKEW_TOLD_US = 1000000 };

static void show_clocks(const dlg_cluster *cluster)
{
    const dlg_cluster_info *info = dlg_cluster_describe(cluster);
    if (info->clock_skew_us <= SKEW_TOLD_US)
        return;
    printf("The clocks of nodes differ by %.1f s; let time servers set them. Ahead of the coordinator's:",
           (double)info->clock_skew_us / 1e6);
    for (size_t i = 0; i < dlg_cluster_node_count(cluster); i++) {
        const dlg_cluster_node *node = dlg_cluster_node_at(cluster, i);
        printf("%s %s:%d %+.1f s", i ? "," : "", node->host, (int)node->port, (double)node->clock_offset_us / 1e6);
    }
    puts("");
}

static void show_nodes(const dlg_cluster *cluster)
{
    printf("\n%-28s %-12s %-12s %7s %10s %12s %-8s %-10s %s\n", "NODE", "ROLE", "STATE", "SHARDS", "SIZE", "MESSAGES",
           "WAL", "POSTGRESQL", "CITUS");
    for (size_t i = 0; i < dlg_cluster_node_count(cluster); i++) {
        const dlg_cluster_node *node = dlg_cluster_node_at(cluster, i);
        char name[300];
        snprintf(name, sizeof name, "%s:%d%s", node->host, (int)node->port, node->takes_shards ? "" : " *");
        printf("%-28s %-12s %-12s %7u %10s %12s %-8s %-10s %s\n", name, node->role, state_of(node), node->shards,
               cluster_size(node->bytes), progress_number(node->rows), node->wal_level, node->postgresql, node->citus);
    }
    puts("* takes no shards");
    show_clocks(cluster);
    for (size_t i = 0; i < dlg_cluster_node_count(cluster); i++) {
        const dlg_cluster_node *node = dlg_cluster_node_at(cluster, i);
        if (*node->unreachable)
            printf("%s:%d is not reached from here: %s\n", node->host, (int)node->port, node->unreachable);
    }
}

/* As `isolate --node` and the like take it. */
static const char *node_name(const dlg_cluster *cluster, int32_t group)
{
    static char name[300];
    for (size_t i = 0; i < dlg_cluster_node_count(cluster); i++) {
        const dlg_cluster_node *node = dlg_cluster_node_at(cluster, i);
        if (node->group == group) {
            snprintf(name, sizeof name, "%s:%d", node->host, (int)node->port);
            return name;
        }
    }
    snprintf(name, sizeof name, "group %d", (int)group);
    return name;
}

static void show_job(const dlg_cluster *cluster)
{
    const dlg_cluster_progress *job = dlg_cluster_job(cluster);
    if (!job)
        return;
    printf("\nRebalance: %s, %u of %u shards moved, %s of %s\n", dlg_job_state_name(dlg_cluster_job_state(cluster)),
           job->moves_done, job->moves_total, cluster_size(job->bytes_done), cluster_size(job->bytes_total));
    if (job->shard)
        printf("  shard %lld from %s to %s: %s\n", (long long)job->shard, job->source, job->target, job->phase);
    if (job->retries)
        printf("  failed %u times: %s\n", job->retries, job->message);
}

static void show_problems(const dlg_cluster *cluster)
{
    if (dlg_cluster_problem_count(cluster))
        puts("\nIn the way of a rebalance:");
    for (size_t i = 0; i < dlg_cluster_problem_count(cluster); i++) {
        const dlg_cluster_problem *problem = dlg_cluster_problem_at(cluster, i);
        printf("  %s: %s\n    %s\n", problem->check, problem->text, problem->repair);
    }
}

static void show_hot(const dlg_cluster *cluster)
{
    if (dlg_cluster_hot_count(cluster))
        puts("\nRecipients with most messages, estimated:");
    for (size_t i = 0; i < dlg_cluster_hot_count(cluster); i++) {
        const dlg_hot_recipient *hot = dlg_cluster_hot_at(cluster, i);
        char recipient[DLG_UUID_TEXT_SIZE];
        dlg_uuid_format(recipient, &hot->recipient);
        printf("  %s %12s  shard %lld on %s%s\n", recipient, progress_number(hot->rows), (long long)hot->shard,
               node_name(cluster, hot->group), hot->isolated ? ", alone" : "");
    }
}

static void show_leftovers(const dlg_cluster *cluster)
{
    if (dlg_cluster_leftover_count(cluster))
        puts("\nLeft by moves, until Citus removes it (CALL citus_cleanup_orphaned_resources()):");
    for (size_t i = 0; i < dlg_cluster_leftover_count(cluster); i++) {
        const dlg_cluster_leftover *leftover = dlg_cluster_leftover_at(cluster, i);
        printf("  %s %s on %s\n", leftover->kind, leftover->name, node_name(cluster, leftover->group));
    }
}

void cluster_show(const dlg_cluster *cluster)
{
    show_sums(dlg_cluster_describe(cluster));
    show_nodes(cluster);
    show_job(cluster);
    show_problems(cluster);
    show_hot(cluster);
    show_leftovers(cluster);
}

void cluster_show_moves(const dlg_rebalance *rebalance)
{
    for (size_t i = 0; i < dlg_rebalance_move_count(rebalance); i++) {
        const dlg_shard_move *move = dlg_rebalance_move_at(rebalance, i);
        printf("shard %lld, %s, from %s to %s\n", (long long)move->shard, cluster_size(move->bytes), move->source,
               move->target);
    }
}

/* ---- For programs ---- */

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *node_json(const dlg_cluster_node *node)
{
    return json_pack("{s:i, s:s, s:i, s:s, s:b, s:b, s:b, s:b, s:s, s:b, s:o, s:o, s:o, s:s, s:s, s:s, s:I}", "group",
                     (int)node->group, "host", node->host, "port", (int)node->port, "role", node->role, "active",
                     node->active, "takes_shards", node->takes_shards, "answers", node->answers, "reachable",
                     node->reachable, "unreachable", node->unreachable, "ready", node->ready, "shards",
                     number(node->shards), "bytes", number(node->bytes), "messages", number(node->rows), "postgresql",
                     node->postgresql, "citus", node->citus, "wal_level", node->wal_level, "clock_offset_us",
                     (json_int_t)node->clock_offset_us);
}

static json_t *hot_json(const dlg_hot_recipient *hot)
{
    char recipient[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(recipient, &hot->recipient);
    return json_pack("{s:s, s:o, s:I, s:i, s:b}", "recipient", recipient, "messages", number(hot->rows), "shard",
                     (json_int_t)hot->shard, "group", (int)hot->group, "isolated", hot->isolated);
}

static json_t *job_json(const dlg_cluster *cluster)
{
    const dlg_cluster_progress *job = dlg_cluster_job(cluster);
    const char *state = dlg_job_state_name(dlg_cluster_job_state(cluster));
    if (!job)
        return json_pack("{s:s}", "state", state);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:s, s:s, s:o, s:s}", "state", state, "phase", job->phase,
                     "moves_done", number(job->moves_done), "moves_total", number(job->moves_total), "bytes_done",
                     number(job->bytes_done), "bytes_total", number(job->bytes_total), "shard", (json_int_t)job->shard,
                     "source", job->source, "target", job->target, "retries", number(job->retries), "message",
                     job->message);
}

static json_t *info_json(const dlg_cluster_info *info)
{
    return json_pack("{s:b, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:o, s:o, s:o, s:I, s:I}", "distributed",
                     info->distributed, "users_distributed", info->users_distributed, "citus", info->citus, "shards",
                     number(info->shards), "colocation", number(info->colocation), "bytes", number(info->bytes),
                     "messages", number(info->rows), "unknown_shards", number(info->unknown_shards), "skew_bytes",
                     info->skew_bytes, "skew_messages", info->skew_rows, "routed", number(info->routed), "fallback",
                     number(info->fallback), "stale", number(info->stale), "clock_margin_us",
                     (json_int_t)info->clock_margin_us, "clock_skew_us", (json_int_t)info->clock_skew_us);
}

int cluster_show_json(const dlg_cluster *cluster)
{
    json_t *all = info_json(dlg_cluster_describe(cluster));
    json_t *nodes = json_array(), *problems = json_array(), *hot = json_array(), *leftovers = json_array();
    for (size_t i = 0; i < dlg_cluster_node_count(cluster); i++)
        json_array_append_new(nodes, node_json(dlg_cluster_node_at(cluster, i)));
    for (size_t i = 0; i < dlg_cluster_hot_count(cluster); i++)
        json_array_append_new(hot, hot_json(dlg_cluster_hot_at(cluster, i)));
    for (size_t i = 0; i < dlg_cluster_problem_count(cluster); i++) {
        const dlg_cluster_problem *problem = dlg_cluster_problem_at(cluster, i);
        json_array_append_new(problems, json_pack("{s:s, s:s, s:s, s:s}", "check", problem->check, "node",
                                                  problem->node, "text", problem->text, "repair", problem->repair));
    }
    for (size_t i = 0; i < dlg_cluster_leftover_count(cluster); i++) {
        const dlg_cluster_leftover *leftover = dlg_cluster_leftover_at(cluster, i);
        json_array_append_new(leftovers, json_pack("{s:s, s:s, s:i}", "kind", leftover->kind, "name", leftover->name,
                                                   "group", (int)leftover->group));
    }
    json_object_set_new(all, "nodes", nodes);
    json_object_set_new(all, "job", job_json(cluster));
    json_object_set_new(all, "problems", problems);
    json_object_set_new(all, "hot", hot);
    json_object_set_new(all, "leftovers", leftovers);
    return show_json(all);
}
