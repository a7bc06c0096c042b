#include "cluster/cluster_view.h"

#include "pg/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The coordinator's catalogs ---- */

static int tables_read(struct cluster_work *work, dlg_cluster *view)
{
    PGresult *result = cluster_query(
        work, work->conn,
        "SELECT p.colocationid, (SELECT count(*) FROM pg_dist_shard s WHERE s.logicalrelid = p.logicalrelid), "
        "EXISTS (SELECT FROM pg_dist_partition u WHERE u.logicalrelid = to_regclass('public.users') "
        "AND u.partmethod = 'h' AND u.colocationid = p.colocationid) "
        "FROM pg_dist_partition p WHERE p.logicalrelid = to_regclass('public.dialogs') AND p.partmethod = 'h'",
        0, NULL);
    if (!result)
        return dlg_error_code(work->error);
    view->info.citus = view_keep(view, work->citus);
    view->info.distributed = PQntuples(result) == 1;
    if (view->info.distributed) {
        view->info.colocation = (uint32_t)field_number(result, 0, 0);
        view->info.shards = (uint32_t)field_number(result, 0, 1);
        view->info.users_distributed = field_bool(result, 0, 2);
    }
    PQclear(result);
    return DLG_OK;
}

static void node_take(dlg_cluster *view, const PGresult *result, int row)
{
    struct view_node *node = view_add(view, &view->nodes, sizeof *node);
    if (!node)
        return;
    int32_t group = (int32_t)field_number(result, row, 1);
    node->id = (int32_t)field_number(result, row, 0);
    node->synced = field_bool(result, row, 6);
    node->plugins = node->silence = "";
    node->node = (dlg_cluster_node){.group = group,
                                    .host = view_keep(view, field_text(result, row, 2)),
                                    .port = (int32_t)field_number(result, row, 3),
                                    .role = group == 0 ? "coordinator" : "worker",
                                    .active = field_bool(result, row, 4),
                                    .takes_shards = field_bool(result, row, 5),
                                    .shards = (uint32_t)field_number(result, row, 7),
                                    .unreachable = "",
                                    .postgresql = "",
                                    .citus = "",
                                    .wal_level = ""};
}

/* A coordinator that is not registered is one nevertheless. */
static int nodes_read(struct cluster_work *work, dlg_cluster *view)
{
    const char *values[] = {PQhost(work->conn), PQport(work->conn)};
    PGresult *result = cluster_query(
        work, work->conn,
        "SELECT n.*, (SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s ON s.shardid = p.shardid "
        "WHERE p.groupid = n.groupid AND s.logicalrelid = to_regclass('public.dialogs')) "
        "FROM (SELECT nodeid, groupid, nodename, nodeport, isactive, shouldhaveshards, hasmetadata AND metadatasynced "
        "FROM pg_dist_node WHERE noderole = 'primary' UNION ALL SELECT 0, 0, $1::text, $2::integer, true, false, true "
        "WHERE NOT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0)) AS n ORDER BY n.groupid",
        2, values);
    if (!result)
        return dlg_error_code(work->error);
    for (int row = 0; row < PQntuples(result); row++)
        node_take(view, result, row);
    PQclear(result);
    return DLG_OK;
}

static int sizes_read(struct cluster_work *work, dlg_cluster *view)
{
    PGresult *result = cluster_query(work, work->conn,
                                     "SELECT nodename, nodeport, sum(shard_size)::bigint FROM citus_shards "
                                     "WHERE colocation_id = (SELECT colocationid FROM pg_dist_partition "
                                     "WHERE logicalrelid = to_regclass('public.dialogs') AND partmethod = 'h') "
                                     "GROUP BY 1, 2",
                                     0, NULL);
    if (!result)
        return dlg_error_code(work->error);
    for (int row = 0; row < PQntuples(result); row++) {
        struct view_node *node =
            view_node_by_name(view, field_text(result, row, 0), (int32_t)field_number(result, row, 1));
        if (node)
            node->node.bytes = (uint64_t)field_number(result, row, 2);
    }
    PQclear(result);
    return DLG_OK;
}

static int job_read(struct cluster_work *work, dlg_cluster *view)
{
    PGresult *result =
        cluster_query(work, work->conn, "SELECT job_id, state FROM citus_rebalance_status(true)", 0, NULL);
    if (!result)
        return dlg_error_code(work->error);
    if (PQntuples(result)) {
        view->job = field_number(result, 0, 0);
        view->job_state = job_state_of(field_text(result, 0, 1));
    }
    PQclear(result);
    return DLG_OK;
}

static int leftovers_read(struct cluster_work *work, dlg_cluster *view)
{
    static const char *const kinds[] = {"?", "shard", "subscription", "slot", "publication", "role", "database"};
    PGresult *result = cluster_query(
        work, work->conn, "SELECT object_type, object_name, node_group_id FROM pg_dist_cleanup ORDER BY record_id", 0,
        NULL);
    if (!result)
        return dlg_error_code(work->error);
    for (int row = 0; row < PQntuples(result); row++) {
        dlg_cluster_leftover *leftover = view_add(view, &view->leftovers, sizeof *leftover);
        size_t kind = (size_t)field_number(result, row, 0);
        if (leftover)
            *leftover = (dlg_cluster_leftover){.kind = kinds[kind < sizeof kinds / sizeof *kinds ? kind : 0],
                                               .name = view_keep(view, field_text(result, row, 1)),
                                               .group = (int32_t)field_number(result, row, 2)};
    }
    PQclear(result);
    return DLG_OK;
}

/* ---- Sums ---- */

/* The largest compared with the mean; 0 where there is nothing. */
static double skew(double largest, double total, unsigned count)
{
    return total > 0 && count ? largest * count / total : 0;
}

static void totals_make(dlg_cluster *view)
{
    uint64_t most_bytes = 0, most_rows = 0;
    unsigned count = 0;
    for (size_t i = 0; i < view->nodes.count; i++) {
        const dlg_cluster_node *node = &view_node_at(view, i)->node;
        view->info.bytes += node->bytes;
        view->info.rows += node->rows;
        most_bytes = node->bytes > most_bytes ? node->bytes : most_bytes;
        most_rows = node->rows > most_rows ? node->rows : most_rows;
        count += node->takes_shards || node->shards;
    }
    view->info.skew_bytes = skew((double)most_bytes, (double)view->info.bytes, count);
    view->info.skew_rows = skew((double)most_rows, (double)view->info.rows, count);
}

static void counters_take(struct cluster_work *work, dlg_cluster *view)
{
    struct engine *engine = &work->client->engine;
    view->info.routed = engine->routed;
    view->info.fallback = engine->fallback;
    view->info.stale = engine->stale;
}

int cluster_view_read(struct cluster_work *work, dlg_cluster **view)
{
    static int (*const steps[])(struct cluster_work *, dlg_cluster *) = {
        tables_read, nodes_read, sizes_read, cluster_facts_read, job_read, leftovers_read};
    *view = view_new();
    if (!*view)
        return cluster_fail(work, DLG_E_MEMORY, "out of memory");
    int code = DLG_OK;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && code == DLG_OK; i++)
        code = steps[i](work, *view);
    if (code == DLG_OK && (*view)->no_memory)
        code = cluster_fail(work, DLG_E_MEMORY, "out of memory");
    totals_make(*view);
    counters_take(work, *view);
    return code;
}

/* ---- Reaching nodes ---- */

/* Another server may answer at an address, as when a setting is wrong or an address was given to somebody else. */
static void identity_check(struct cluster_work *work, dlg_cluster *view, struct view_node *node, PGconn *conn)
{
    dlg_error *error = NULL;
    int64_t deadline_us = clock_monotonic_us() + work->client->settings->connect_timeout_ms * 1000;
    PGresult *result = session_run(conn, "SELECT groupid FROM pg_catalog.pg_dist_local_group", deadline_us, &error);
    int64_t group = result && PQntuples(result) == 1 ? field_number(result, 0, 0) : -1;
    if (!result)
        node->node.unreachable = view_keep(view, dlg_error_message(error));
    else if (group != node->node.group)
        node->node.unreachable =
            view_keep(view, "another server answers at this address; see the setting node_addresses");
    node->node.reachable = result && group == node->node.group;
    PQclear(result);
    dlg_error_free(error);
}

static void reach_take(struct cluster_work *work, dlg_cluster *view, struct view_node *node, struct reach *target)
{
    char why[CLUSTER_TEXT];
    if (reach_succeeded(target)) {
        identity_check(work, view, node, target->conn);
        return;
    }
    reach_reason(target, why, sizeof why);
    node->node.unreachable = view_keep(view, why);
}

int cluster_reach_read(struct cluster_work *work, dlg_cluster *view)
{
    size_t count = view->nodes.count;
    char name[ADDRESS_SIZE];
    struct reach *targets = calloc(count + 1, sizeof *targets);
    char **conninfos = calloc(count + 1, sizeof *conninfos);
    if (!targets || !conninfos) {
        free(targets);
        free(conninfos);
        return cluster_fail(work, DLG_E_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        const dlg_cluster_node *node = &view_node_at(view, i)->node;
        address_name(node->host, node->port, name, sizeof name);
        conninfos[i] =
            node->group ? address_conninfo(work->client->settings, work->conn, name) : address_same(work->conn);
        targets[i].conninfo = conninfos[i];
    }
    reach_all(targets, count, clock_monotonic_us() + work->client->settings->connect_timeout_ms * 1000);
    for (size_t i = 0; i < count; i++) {
        reach_take(work, view, view_node_at(view, i), &targets[i]);
        free(conninfos[i]);
    }
    reach_close(targets, count);
    free(targets);
    free(conninfos);
    return cluster_report(work);
}
