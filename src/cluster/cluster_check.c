#include "cluster/cluster_check.h"

#include <stdio.h>
#include <string.h>

/* What one move needs at once on each node that it may leave or go to, and a little more for the queue of moves. */
enum { NEED_SLOTS = 1, NEED_SENDERS = 2, NEED_ORIGINS = 1, NEED_APPLIERS = 1, NEED_PROCESSES = 2, MORE = 8 };

#define NAME(node) (node)->host, (int)(node)->port

static void problem_add(dlg_cluster *view, const char *check, const dlg_cluster_node *node, const char *text,
                        const char *repair)
{
    dlg_cluster_problem *problem = view_add(view, &view->problems, sizeof *problem);
    if (problem)
        *problem = (dlg_cluster_problem){
            .check = check, .node = node ? view_keepf(view, "%s:%d", NAME(node)) : "", .text = text, .repair = repair};
}

/* ---- Nodes ---- */

static bool concerned(const struct view_node *node)
{
    return node->answered && node->node.active && (node->node.takes_shards || node->node.shards);
}

static void check_answers(struct cluster_work *work, dlg_cluster *view)
{
    for (size_t i = 0; i < view->nodes.count; i++) {
        const struct view_node *node = view_node_at(view, i);
        if (!node->node.active || node->answered)
            continue;
        problem_add(view, "reachable", &node->node,
                    view_keepf(view, "%s:%d does not answer the coordinator as %s%s%s", NAME(&node->node), work->role,
                               *node->silence ? ": " : "", node->silence),
                    view_keepf(view,
                               "start the server there, and let its pg_hba.conf (and the coordinator's .pgpass or "
                               "pg_dist_authinfo) admit %s from the coordinator",
                               work->role));
    }
}

static void check_metadata(dlg_cluster *view)
{
    for (size_t i = 0; i < view->nodes.count; i++) {
        const struct view_node *node = view_node_at(view, i);
        if (!node->answered || !node->node.active || node->synced)
            continue;
        problem_add(view, "metadata", &node->node,
                    view_keepf(view, "the metadata of %s:%d are not up to date", NAME(&node->node)),
                    view_keepf(view, "SELECT start_metadata_sync_to_node('%s', %d)", NAME(&node->node)));
    }
}

static void check_wal_level(dlg_cluster *view)
{
    for (size_t i = 0; i < view->nodes.count; i++) {
        const struct view_node *node = view_node_at(view, i);
        if (!concerned(node) || strcmp(node->node.wal_level, "logical") == 0)
            continue;
        problem_add(view, "wal_level", &node->node,
                    view_keepf(view, "wal_level of %s:%d is %s, so that no shard can leave it while people write",
                               NAME(&node->node), node->node.wal_level),
                    view_keepf(view, "on %s:%d: ALTER SYSTEM SET wal_level = 'logical'; then restart that server",
                               NAME(&node->node)));
    }
}

static void check_room(dlg_cluster *view, const dlg_cluster_node *node, const char *what, const char *setting,
                       int64_t free, int64_t needed)
{
    if (free >= needed)
        return;
    problem_add(
        view, "slots", node,
        view_keepf(view, "%s:%d has %lld free %s, and a move needs %lld", NAME(node), (long long)free, what,
                   (long long)needed),
        view_keepf(view,
                   "on %s:%d: raise %s by %d (ALTER SYSTEM SET %s = ...; then restart that server), or drop what "
                   "is not used (SELECT * FROM pg_replication_slots)",
                   NAME(node), setting, MORE, setting));
}

static void check_rooms(dlg_cluster *view)
{
    for (size_t i = 0; i < view->nodes.count; i++) {
        const struct view_node *node = view_node_at(view, i);
        if (!concerned(node))
            continue;
        check_room(view, &node->node, "replication slots", "max_replication_slots", node->slots, NEED_SLOTS);
        check_room(view, &node->node, "replication origins", "max_replication_slots", node->origins, NEED_ORIGINS);
        check_room(view, &node->node, "WAL senders", "max_wal_senders", node->senders, NEED_SENDERS);
        check_room(view, &node->node, "logical replication workers", "max_logical_replication_workers", node->appliers,
                   NEED_APPLIERS);
        check_room(view, &node->node, "worker processes", "max_worker_processes", node->processes, NEED_PROCESSES);
    }
}

/* Recent minor releases of PostgreSQL admit output plugins by name; splits use Citus's own. */
static void check_plugins(dlg_cluster *view)
{
    for (size_t i = 0; i < view->nodes.count; i++) {
        const struct view_node *node = view_node_at(view, i);
        if (!concerned(node) || !*node->plugins || strstr(node->plugins, "citus"))
            continue;
        problem_add(view, "plugins", &node->node,
                    view_keepf(view, "%s:%d does not admit Citus as an output plugin, which splitting a shard needs",
                               NAME(&node->node)),
                    view_keepf(view,
                               "on %s:%d: ALTER SYSTEM SET output_plugin_libraries = %s, citus; "
                               "SELECT pg_reload_conf()",
                               NAME(&node->node), node->plugins));
    }
}

/* Up to 13.2.0 the setting ends Citus's own idle transactions during such a move (citusdata/citus#8491). */
static void check_idle_timeout(dlg_cluster *view)
{
    int major = 0, minor = 0, patch = 0;
    sscanf(view->info.citus, "%d.%d.%d", &major, &minor, &patch);
    if (major * 10000 + minor * 100 + patch > 130200)
        return;
    for (size_t i = 0; i < view->nodes.count; i++) {
        const struct view_node *node = view_node_at(view, i);
        if (!concerned(node) || node->idle_timeout_ms == 0)
            continue;
        problem_add(view, "timeout", &node->node,
                    view_keepf(view, "idle_in_transaction_session_timeout of %s:%d breaks moves that block writes",
                               NAME(&node->node)),
                    view_keepf(view,
                               "on %s:%d: ALTER SYSTEM SET idle_in_transaction_session_timeout = 0; "
                               "SELECT pg_reload_conf()",
                               NAME(&node->node)));
    }
}

static void check_targets(dlg_cluster *view)
{
    for (size_t i = 0; i < view->nodes.count; i++)
        if (view_node_at(view, i)->node.takes_shards && view_node_at(view, i)->node.active)
            return;
    problem_add(view, "targets", NULL, "no node takes shards",
                "add a worker: dlgctl cluster add-node HOST:PORT, or SELECT citus_set_node_property('HOST', PORT, "
                "'shouldhaveshards', true)");
}

/* ---- What is asked of the cluster ---- */

/* Nodes that do not answer the coordinator are a problem already; this is about pairs of others. */
static int check_health(struct cluster_work *work, dlg_cluster *view)
{
    PGresult *result = cluster_query(work, work->conn,
                                     "SELECT from_nodename, from_nodeport, to_nodename, to_nodeport "
                                     "FROM citus_check_cluster_node_health() WHERE result IS NOT TRUE",
                                     0, NULL);
    if (!result)
        return dlg_error_code(work->error);
    for (int row = 0; row < PQntuples(result); row++) {
        const struct view_node *from =
            view_node_by_name(view, field_text(result, row, 0), (int32_t)field_number(result, row, 1));
        const struct view_node *to =
            view_node_by_name(view, field_text(result, row, 2), (int32_t)field_number(result, row, 3));
        if (!from || !to || !from->answered || !to->answered)
            continue;
        problem_add(
            view, "reachable", &from->node,
            view_keepf(view, "%s:%d does not reach %s:%d as %s", NAME(&from->node), NAME(&to->node), work->role),
            view_keepf(view, "let pg_hba.conf of %s:%d admit %s from %s:%d, by a route and a name that are known there",
                       NAME(&to->node), work->role, NAME(&from->node)));
    }
    PQclear(result);
    return DLG_OK;
}

static void check_table(dlg_cluster *view, const PGresult *result, int row, dlg_transfer_mode mode, const char *role)
{
    const char *table = field_text(result, row, 0);
    if (!field_bool(result, row, 2))
        problem_add(view, "owner", NULL,
                    view_keepf(view, "the table %s belongs to %s, whose rights %s does not have", table,
                               field_text(result, row, 1), role),
                    view_keepf(view, "GRANT %s TO %s, or connect as %s", field_text(result, row, 1), role,
                               field_text(result, row, 1)));
    if (mode == DLG_TRANSFER_AUTO && !field_bool(result, row, 3))
        problem_add(
            view, "primary_key", NULL,
            view_keepf(view, "the table %s has no primary key, which moving it while people write needs", table),
            view_keepf(view, "ALTER TABLE %s ADD PRIMARY KEY (%s, ...)", table, field_text(result, row, 4)));
}

/* A rebalance moves the shards of every distributed table. */
static int check_tables(struct cluster_work *work, dlg_cluster *view, dlg_transfer_mode mode)
{
    PGresult *result = cluster_query(
        work, work->conn,
        "SELECT c.oid::regclass, quote_ident(pg_get_userbyid(c.relowner)), pg_has_role(c.relowner, 'USAGE'), "
        "c.relreplident IN ('i', 'f') OR (c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index i "
        "WHERE i.indrelid = c.oid AND i.indisprimary)), "
        "quote_ident(column_to_column_name(p.logicalrelid, p.partkey)) "
        "FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid WHERE p.partmethod = 'h' ORDER BY 1",
        0, NULL);
    if (!result)
        return dlg_error_code(work->error);
    for (int row = 0; row < PQntuples(result); row++)
        check_table(view, result, row, mode, work->role);
    PQclear(result);
    return DLG_OK;
}

/* ---- All of it ---- */

static void nodes_judge(dlg_cluster *view)
{
    for (size_t i = 0; i < view->nodes.count; i++) {
        struct view_node *node = view_node_at(view, i);
        char name[ADDRESS_SIZE];
        address_name(node->node.host, node->node.port, name, sizeof name);
        node->node.ready = node->answered && node->node.active;
        for (size_t j = 0; j < view->problems.count; j++)
            if (strcmp(dlg_cluster_problem_at(view, j)->node, name) == 0)
                node->node.ready = 0;
    }
}

static void check_moves(dlg_cluster *view, dlg_transfer_mode mode, bool splits)
{
    if (mode == DLG_TRANSFER_BLOCK_WRITES) {
        check_idle_timeout(view);
        return;
    }
    check_wal_level(view);
    check_rooms(view);
    if (splits)
        check_plugins(view);
}

int cluster_check(struct cluster_work *work, dlg_cluster *view, dlg_transfer_mode mode, enum check_purpose purpose)
{
    int code = DLG_OK;
    check_answers(work, view);
    check_metadata(view);
    check_targets(view);
    if (purpose != CHECK_NODES) {
        check_moves(view, mode, purpose == CHECK_SPLITS);
        code = check_tables(work, view, mode);
    }
    if (code == DLG_OK)
        code = check_health(work, view);
    nodes_judge(view);
    if (code == DLG_OK && view->no_memory)
        code = cluster_fail(work, DLG_E_MEMORY, "out of memory");
    return code;
}

int cluster_need_quiet(struct cluster_work *work, const dlg_cluster *view)
{
    if (job_is_under_way(view->job_state))
        return cluster_fail(
            work, DLG_E_BUSY,
            "a rebalance is under way already (job %lld, %s); wait for it (dlgctl cluster wait) or stop "
            "it (dlgctl cluster cancel)",
            (long long)view->job, dlg_job_state_name(view->job_state));
    PGresult *result = cluster_query(work, work->conn,
                                     "SELECT shardid, operation_type FROM get_rebalance_progress() LIMIT 1", 0, NULL);
    if (!result)
        return dlg_error_code(work->error);
    int code =
        PQntuples(result) == 0
            ? DLG_OK
            : cluster_fail(work, DLG_E_BUSY, "shard %s is on its way already (%s); try again when it has arrived",
                           field_text(result, 0, 0), field_text(result, 0, 1));
    PQclear(result);
    return code;
}

int cluster_need_no_problems(struct cluster_work *work, const dlg_cluster *view)
{
    const dlg_cluster_problem *problem = dlg_cluster_problem_at(view, 0);
    char more[96] = "";
    if (!problem)
        return DLG_OK;
    if (view->problems.count > 1)
        snprintf(more, sizeof more, " (and %zu more)", view->problems.count - 1);
    return cluster_fail(work, DLG_E_PRECONDITION, "%s; repair: %s%s", problem->text, problem->repair, more);
}

int cluster_prepare(struct cluster_work *work, enum check_purpose purpose)
{
    int code = cluster_phase(work, "checking");
    if (code == DLG_OK)
        code = cluster_view_read(work, &work->view);
    if (code == DLG_OK)
        code = cluster_need_quiet(work, work->view);
    if (code == DLG_OK)
        code = cluster_check(work, work->view, work->options.mode, purpose);
    return code == DLG_OK ? cluster_need_no_problems(work, work->view) : code;
}
