#include "cluster/cluster_check.h"

#include <stdio.h>
#include <string.h>

/* What one move needs at once on each node that it may leave or go to, and a little more for the queue of moves. */
enum { NEED_SLOTS = 1, NEED_SENDERS = 2, NEED_ORIGINS = 1, NEED_APPLIERS = 1, NEED_PROCESSES = 2, MORE = 8 };

#define NAME(node) (node)->host, (int)(node)->port

static void problem_add(dlg_cluster *snapshot, const char *check, const dlg_cluster_node *node, const char *text,
                        const char *repair)
{
    dlg_cluster_problem *problem = snapshot_add(snapshot, &snapshot->problems, sizeof *problem);
    if (problem)
        *problem = (dlg_cluster_problem){.check = check,
                                         .node = node ? snapshot_keepf(snapshot, "%s:%d", NAME(node)) : "",
                                         .text = text,
                                         .repair = repair};
}

/* ---- Nodes ---- */

static bool concerned(const struct snapshot_node *node)
{
    return node->answered && node->node.active && (node->node.takes_shards || node->node.shards);
}

static void check_answers(struct cluster_task *task, dlg_cluster *snapshot)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        const struct snapshot_node *node = snapshot_node_at(snapshot, i);
        if (!node->node.active || node->answered)
            continue;
        problem_add(snapshot, "reachable", &node->node,
                    snapshot_keepf(snapshot, "%s:%d does not answer the coordinator as %s%s%s", NAME(&node->node),
                                   task->role, *node->silence ? ": " : "", node->silence),
                    snapshot_keepf(snapshot,
                                   "start the server there, and let its pg_hba.conf (and the coordinator's .pgpass or "
                                   "pg_dist_authinfo) admit %s from the coordinator",
                                   task->role));
    }
}

static void check_metadata(dlg_cluster *snapshot)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        const struct snapshot_node *node = snapshot_node_at(snapshot, i);
        if (!node->answered || !node->node.active || node->synced)
            continue;
        problem_add(snapshot, "metadata", &node->node,
                    snapshot_keepf(snapshot, "the metadata of %s:%d are not up to date", NAME(&node->node)),
                    snapshot_keepf(snapshot, "SELECT start_metadata_sync_to_node('%s', %d)", NAME(&node->node)));
    }
}

static void check_wal_level(dlg_cluster *snapshot)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        const struct snapshot_node *node = snapshot_node_at(snapshot, i);
        if (!concerned(node) || strcmp(node->node.wal_level, "logical") == 0)
            continue;
        problem_add(
            snapshot, "wal_level", &node->node,
            snapshot_keepf(snapshot, "wal_level of %s:%d is %s, so that no shard can leave it while people write",
                           NAME(&node->node), node->node.wal_level),
            snapshot_keepf(snapshot, "on %s:%d: ALTER SYSTEM SET wal_level = 'logical'; then restart that server",
                           NAME(&node->node)));
    }
}

static void check_room(dlg_cluster *snapshot, const dlg_cluster_node *node, const char *what, const char *setting,
                       int64_t free, int64_t needed)
{
    if (free >= needed)
        return;
    problem_add(
        snapshot, "slots", node,
        snapshot_keepf(snapshot, "%s:%d has %lld free %s, and a move needs %lld", NAME(node), (long long)free, what,
                       (long long)needed),
        snapshot_keepf(snapshot,
                       "on %s:%d: raise %s by %d (ALTER SYSTEM SET %s = ...; then restart that server), or drop what "
                       "is not used (SELECT * FROM pg_replication_slots)",
                       NAME(node), setting, MORE, setting));
}

static void check_rooms(dlg_cluster *snapshot)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        const struct snapshot_node *node = snapshot_node_at(snapshot, i);
        if (!concerned(node))
            continue;
        check_room(snapshot, &node->node, "replication slots", "max_replication_slots", node->slots, NEED_SLOTS);
        check_room(snapshot, &node->node, "replication origins", "max_replication_slots", node->origins, NEED_ORIGINS);
        check_room(snapshot, &node->node, "WAL senders", "max_wal_senders", node->senders, NEED_SENDERS);
        check_room(snapshot, &node->node, "logical replication workers", "max_logical_replication_workers",
                   node->appliers, NEED_APPLIERS);
        check_room(snapshot, &node->node, "worker processes", "max_worker_processes", node->processes, NEED_PROCESSES);
    }
}

/* Recent minor releases of PostgreSQL admit output plugins by name; splits use Citus's own. */
static void check_plugins(dlg_cluster *snapshot)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        const struct snapshot_node *node = snapshot_node_at(snapshot, i);
        if (!concerned(node) || !*node->plugins || strstr(node->plugins, "citus"))
            continue;
        problem_add(snapshot, "plugins", &node->node,
                    snapshot_keepf(snapshot,
                                   "%s:%d does not admit Citus as an output plugin, which splitting a shard needs",
                                   NAME(&node->node)),
                    snapshot_keepf(snapshot,
                                   "on %s:%d: ALTER SYSTEM SET output_plugin_libraries = %s, citus; "
                                   "SELECT pg_reload_conf()",
                                   NAME(&node->node), node->plugins));
    }
}

/* Up to 13.2.0 the setting ends Citus's own idle transactions during such a move (citusdata/citus#8491). */
static void check_idle_timeout(dlg_cluster *snapshot)
{
    int major = 0, minor = 0, patch = 0;
    sscanf(snapshot->info.citus, "%d.%d.%d", &major, &minor, &patch);
    if (major * 10000 + minor * 100 + patch > 130200)
        return;
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        const struct snapshot_node *node = snapshot_node_at(snapshot, i);
        if (!concerned(node) || node->idle_timeout_ms == 0)
            continue;
        problem_add(snapshot, "timeout", &node->node,
                    snapshot_keepf(snapshot,
                                   "idle_in_transaction_session_timeout of %s:%d breaks moves that block writes",
                                   NAME(&node->node)),
                    snapshot_keepf(snapshot,
                                   "on %s:%d: ALTER SYSTEM SET idle_in_transaction_session_timeout = 0; "
                                   "SELECT pg_reload_conf()",
                                   NAME(&node->node)));
    }
}

static void check_targets(dlg_cluster *snapshot)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++)
        if (snapshot_node_at(snapshot, i)->node.takes_shards && snapshot_node_at(snapshot, i)->node.active)
            return;
    problem_add(snapshot, "targets", NULL, "no node takes shards",
                "add a worker: dlgctl cluster add-node HOST:PORT, or SELECT citus_set_node_property('HOST', PORT, "
                "'shouldhaveshards', true)");
}

/* ---- What is asked of the cluster ---- */

/* Nodes that do not answer the coordinator are a problem already; this is about pairs of others. */
static int check_health(struct cluster_task *task, dlg_cluster *snapshot)
{
    PGresult *result = cluster_query(task, task->conn,
                                     "SELECT from_nodename, from_nodeport, to_nodename, to_nodeport "
                                     "FROM citus_check_cluster_node_health() WHERE result IS NOT TRUE",
                                     0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    for (int row = 0; row < PQntuples(result); row++) {
        const struct snapshot_node *from =
            snapshot_node_by_name(snapshot, field_text(result, row, 0), (int32_t)field_number(result, row, 1));
        const struct snapshot_node *to =
            snapshot_node_by_name(snapshot, field_text(result, row, 2), (int32_t)field_number(result, row, 3));
        if (!from || !to || !from->answered || !to->answered)
            continue;
        problem_add(
            snapshot, "reachable", &from->node,
            snapshot_keepf(snapshot, "%s:%d does not reach %s:%d as %s", NAME(&from->node), NAME(&to->node),
                           task->role),
            snapshot_keepf(snapshot,
                           "let pg_hba.conf of %s:%d admit %s from %s:%d, by a route and a name that are known there",
                           NAME(&to->node), task->role, NAME(&from->node)));
    }
    PQclear(result);
    return DLG_OK;
}

static void check_table(dlg_cluster *snapshot, const PGresult *result, int row, dlg_transfer_mode mode,
                        const char *role)
{
    const char *table = field_text(result, row, 0);
    if (!field_bool(result, row, 2))
        problem_add(snapshot, "owner", NULL,
                    snapshot_keepf(snapshot, "the table %s belongs to %s, whose rights %s does not have", table,
                                   field_text(result, row, 1), role),
                    snapshot_keepf(snapshot, "GRANT %s TO %s, or connect as %s", field_text(result, row, 1), role,
                                   field_text(result, row, 1)));
    if (mode == DLG_TRANSFER_MODE_AUTO && !field_bool(result, row, 3))
        problem_add(
            snapshot, "primary_key", NULL,
            snapshot_keepf(snapshot, "the table %s has no primary key, which moving it while people write needs",
                           table),
            snapshot_keepf(snapshot, "ALTER TABLE %s ADD PRIMARY KEY (%s, ...)", table, field_text(result, row, 4)));
}

/* A rebalance moves the shards of every distributed table. */
static int check_tables(struct cluster_task *task, dlg_cluster *snapshot, dlg_transfer_mode mode)
{
    PGresult *result = cluster_query(
        task, task->conn,
        "SELECT c.oid::regclass, quote_ident(pg_get_userbyid(c.relowner)), pg_has_role(c.relowner, 'USAGE'), "
        "c.relreplident IN ('i', 'f') OR (c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index i "
        "WHERE i.indrelid = c.oid AND i.indisprimary)), "
        "quote_ident(column_to_column_name(p.logicalrelid, p.partkey)) "
        "FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid WHERE p.partmethod = 'h' ORDER BY 1",
        0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    for (int row = 0; row < PQntuples(result); row++)
        check_table(snapshot, result, row, mode, task->role);
    PQclear(result);
    return DLG_OK;
}

/* ---- All of it ---- */

static void nodes_judge(dlg_cluster *snapshot)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        struct snapshot_node *node = snapshot_node_at(snapshot, i);
        char name[NODE_ADDRESS_SIZE];
        node_address_name(node->node.host, node->node.port, name, sizeof name);
        node->node.ready = node->answered && node->node.active;
        for (size_t j = 0; j < snapshot->problems.count; j++)
            if (strcmp(dlg_cluster_problem_at(snapshot, j)->node, name) == 0)
                node->node.ready = 0;
    }
}

static void check_moves(dlg_cluster *snapshot, dlg_transfer_mode mode, bool splits)
{
    if (mode == DLG_TRANSFER_MODE_BLOCK_WRITES) {
        check_idle_timeout(snapshot);
        return;
    }
    check_wal_level(snapshot);
    check_rooms(snapshot);
    if (splits)
        check_plugins(snapshot);
}

int cluster_check(struct cluster_task *task, dlg_cluster *snapshot, dlg_transfer_mode mode, enum check_purpose purpose)
{
    int code = DLG_OK;
    check_answers(task, snapshot);
    check_metadata(snapshot);
    check_targets(snapshot);
    if (purpose != CHECK_NODES) {
        check_moves(snapshot, mode, purpose == CHECK_SPLITS);
        code = check_tables(task, snapshot, mode);
    }
    if (code == DLG_OK)
        code = check_health(task, snapshot);
    nodes_judge(snapshot);
    if (code == DLG_OK && snapshot->no_memory)
        code = cluster_fail(task, DLG_E_MEMORY, "out of memory");
    return code;
}

int cluster_need_quiet(struct cluster_task *task, const dlg_cluster *snapshot)
{
    if (job_is_under_way(snapshot->job_state))
        return cluster_fail(
            task, DLG_E_BUSY,
            "a rebalance is under way already (job %lld, %s); wait for it (dlgctl cluster wait) or stop "
            "it (dlgctl cluster cancel)",
            (long long)snapshot->job, dlg_job_state_name(snapshot->job_state));
    PGresult *result = cluster_query(task, task->conn,
                                     "SELECT shardid, operation_type FROM get_rebalance_progress() LIMIT 1", 0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    int code =
        PQntuples(result) == 0
            ? DLG_OK
            : cluster_fail(task, DLG_E_BUSY, "shard %s is on its way already (%s); try again when it has arrived",
                           field_text(result, 0, 0), field_text(result, 0, 1));
    PQclear(result);
    return code;
}

int cluster_need_no_problems(struct cluster_task *task, const dlg_cluster *snapshot)
{
    const dlg_cluster_problem *problem = dlg_cluster_problem_at(snapshot, 0);
    char more[96] = "";
    if (!problem)
        return DLG_OK;
    if (snapshot->problems.count > 1)
        snprintf(more, sizeof more, " (and %zu more)", snapshot->problems.count - 1);
    return cluster_fail(task, DLG_E_PRECONDITION, "%s; repair: %s%s", problem->text, problem->repair, more);
}

int cluster_prepare(struct cluster_task *task, enum check_purpose purpose)
{
    int code = cluster_phase(task, "checking");
    if (code == DLG_OK)
        code = cluster_snapshot_read(task, &task->snapshot);
    if (code == DLG_OK)
        code = cluster_need_quiet(task, task->snapshot);
    if (code == DLG_OK)
        code = cluster_check(task, task->snapshot, task->options.mode, purpose);
    return code == DLG_OK ? cluster_need_no_problems(task, task->snapshot) : code;
}
