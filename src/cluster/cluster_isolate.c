/* cluster_isolate.c - a shard of its own for one recipient, on a node of choice. */
#include "base/versioned.h"
#include "cluster/cluster_check.h"
#include "cluster/cluster_rebalance.h"
#include "cluster/rebalance_tracker.h"

#include <stdio.h>
#include <string.h>

/* The shard of `dialogs` that has the recipient's messages, and what ticks write down for the progress. */
struct place {
    int64_t shard;
    bool isolated;
    char host[256];
    int32_t port;
    char phase[64];
    char source[NODE_ADDRESS_SIZE];
    char target[NODE_ADDRESS_SIZE];
};

static int place_find(struct cluster_task *task, struct place *place)
{
    char user[DLG_UUID_TEXT_SIZE];
    const char *values[] = {user};
    dlg_uuid_format(user, &task->options.recipient);
    PGresult *result = cluster_query(
        task, task->conn,
        "SELECT s.shardid, s.shardminvalue = s.shardmaxvalue, n.nodename, n.nodeport FROM pg_dist_shard s "
        "JOIN pg_dist_placement p ON p.shardid = s.shardid JOIN pg_dist_node n ON n.groupid = p.groupid "
        "AND n.noderole = 'primary' WHERE s.shardid = "
        "get_shard_id_for_distribution_column('public.dialogs', $1::uuid)",
        1, values);
    if (!result)
        return dlg_error_code(task->error);
    bool found = PQntuples(result) == 1;
    if (found) {
        place->shard = field_number(result, 0, 0);
        place->isolated = field_bool(result, 0, 1);
        snprintf(place->host, sizeof place->host, "%s", field_text(result, 0, 2));
        place->port = (int32_t)field_number(result, 0, 3);
    }
    PQclear(result);
    return found ? DLG_OK : cluster_fail(task, DLG_E_DATABASE, "no node has the shard of this user");
}

/* ---- Progress ---- */

static void progress_read(struct cluster_task *task, struct place *place, const PGresult *result)
{
    if (PQntuples(result) == 0)
        return;
    place->shard = field_number(result, 0, 0);
    snprintf(place->source, sizeof place->source, "%s", field_text(result, 0, 1));
    snprintf(place->target, sizeof place->target, "%s", field_text(result, 0, 2));
    snprintf(place->phase, sizeof place->phase, "%s", field_text(result, 0, 3));
    task->progress.shard = place->shard;
    task->progress.source = place->source;
    task->progress.target = place->target;
    task->progress.phase = place->phase;
    task->progress.bytes_total = (uint64_t)field_number(result, 0, 4);
    task->progress.bytes_done = (uint64_t)field_number(result, 0, 5);
}

/* What cannot be shown is no reason to stop. */
static int tick(void *payload, dlg_error **error)
{
    struct cluster_task *task = payload;
    PGconn *watch = cluster_watch(task);
    PGresult *result =
        watch
            ? cluster_query(task, watch,
                            "SELECT min(shardid), min(sourcename || ':' || sourceport), min(targetname || ':' || "
                            "targetport), min(status), sum(source_shard_size)::bigint, sum(target_shard_size)::bigint "
                            "FROM get_rebalance_progress() HAVING count(*) > 0",
                            0, NULL)
            : NULL;
    if (result)
        progress_read(task, task->notes, result);
    PQclear(result);
    int code = cluster_report(task);
    if (code != DLG_OK)
        error_give(error, error_copy(task->error));
    return code;
}

/* ---- The two steps ---- */

static int split(struct cluster_task *task)
{
    char user[DLG_UUID_TEXT_SIZE];
    const char *values[] = {user, cluster_mode_name(task->options.mode)};
    dlg_uuid_format(user, &task->options.recipient);
    int code = cluster_phase(task, "isolating");
    if (code != DLG_OK)
        return code;
    PGresult *result = cluster_long_query(task,
                                          "SELECT isolate_tenant_to_new_shard('public.dialogs', $1::uuid, 'CASCADE', "
                                          "shard_transfer_mode := $2)",
                                          2, values, tick);
    PQclear(result);
    if (!result)
        rebalance_clean(task);
    return result ? DLG_OK : dlg_error_code(task->error);
}

static int move(struct cluster_task *task, const struct place *place)
{
    const struct cluster_options *options = &task->options;
    char shard[24], port[16];
    const char *values[] = {shard,         place->host,        port,
                            options->host, options->port_text, cluster_mode_name(options->mode)};
    snprintf(shard, sizeof shard, "%lld", (long long)place->shard);
    snprintf(port, sizeof port, "%d", (int)place->port);
    task->progress.moves_total = 1;
    int code = cluster_phase(task, "moving");
    if (code != DLG_OK)
        return code;
    PGresult *result = cluster_long_query(task,
                                          "SELECT citus_move_shard_placement($1::bigint, $2::text, $3::integer, "
                                          "$4::text, $5::integer, shard_transfer_mode := $6)",
                                          6, values, tick);
    PQclear(result);
    if (!result)
        rebalance_clean(task);
    task->progress.moves_done = result != NULL;
    return result ? DLG_OK : dlg_error_code(task->error);
}

static int moved_or_explained(struct cluster_task *task, const struct place *place)
{
    char why[CLUSTER_TEXT];
    int code = move(task, place);
    if (code == DLG_OK)
        return code;
    snprintf(why, sizeof why, "%s", dlg_error_message(task->error));
    return cluster_fail(task, code, "%s; the user has shard %lld alone, which stays on %s:%d", why,
                        (long long)place->shard, place->host, (int)place->port);
}

static int target_check(struct cluster_task *task)
{
    const struct cluster_options *options = &task->options;
    const struct snapshot_node *node =
        *options->host ? snapshot_node_by_name(task->snapshot, options->host, options->port) : NULL;
    if (!*options->host || (node && node->node.active && node->id))
        return DLG_OK;
    return cluster_fail(task, DLG_E_ARGUMENT,
                        "the cluster has no active node %s:%d; `dlgctl cluster status` lists them", options->host,
                        (int)options->port);
}

static int run_isolate(struct cluster_task *task)
{
    struct place place = {0}, shown = {0};
    const struct cluster_options *options = &task->options;
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_need_distributed(task);
    if (code == DLG_OK)
        code = place_find(task, &place);
    if (code == DLG_OK)
        code = cluster_prepare(task, place.isolated ? CHECK_MOVES : CHECK_SPLITS);
    if (code == DLG_OK)
        code = target_check(task);
    task->notes = &shown;
    bool changes = code == DLG_OK && !place.isolated;
    if (changes && (code = split(task)) == DLG_OK)
        code = place_find(task, &place);
    if (code == DLG_OK && *options->host && (strcmp(options->host, place.host) != 0 || options->port != place.port)) {
        changes = true;
        code = moved_or_explained(task, &place);
    }
    cluster_progress_clear(task);
    if (changes)
        cluster_refresh(task);
    if (changes && code == DLG_OK)
        cluster_analyze(task, task->snapshot->info.users_distributed);
    task->shard = place.shard;
    return code;
}

/* ---- Calls ---- */

static int isolate_take(struct cluster_task *task, const dlg_uuid *recipient, const dlg_isolate_options *given,
                        dlg_error **error)
{
    dlg_isolate_options options;
    if (!recipient)
        return error_set(error, DLG_E_ARGUMENT, "no recipient given, or the nil UUID");
    int code = versioned_read(&versioned_isolate_options, &options, given, error);
    if (code != DLG_OK)
        return code;
    task->options.recipient = *recipient;
    cluster_take_timeout(task, options.timeout_us);
    code = cluster_take_mode(task, options.mode, error);
    if (code == DLG_OK && options.host)
        code = cluster_take_host(task, options.host, options.port, error);
    return code;
}

static int task_new(dlg_client *client, const dlg_uuid *recipient, const dlg_isolate_options *options,
                    dlg_cluster_progress_fn progress, void *payload, struct cluster_task **task, dlg_error **error)
{
    int code = cluster_task_new(client, run_isolate, progress, payload, task, error);
    if (code != DLG_OK)
        return code;
    code = isolate_take(*task, recipient, options, error);
    if (code != DLG_OK)
        cluster_release(*task);
    return code;
}

int dlg_cluster_isolate(int64_t *shard, dlg_client *client, const dlg_uuid *recipient,
                        const dlg_isolate_options *options, dlg_cluster_progress_fn progress, void *payload,
                        dlg_error **error)
{
    struct cluster_task *task;
    int code = task_new(client, recipient, options, progress, payload, &task, error);
    if (code != DLG_OK)
        return code;
    code = cluster_call(task, error);
    if (code == DLG_OK && shard)
        *shard = task->shard;
    cluster_release(task);
    return code;
}

int dlg_cluster_isolate_async(dlg_client *client, const dlg_uuid *recipient, const dlg_isolate_options *options,
                              dlg_cluster_progress_fn progress, dlg_callback callback, void *payload, dlg_error **error)
{
    struct cluster_task *task;
    int code = task_new(client, recipient, options, progress, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}
