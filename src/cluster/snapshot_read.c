#include "cluster/snapshot_read.h"

#include "cluster/node_clocks.h"
#include "cluster/node_facts.h"
#include "pg/multi_connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The coordinator's catalogs ---- */

static int tables_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    PGresult *result = cluster_query(
        task, task->conn,
        "SELECT p.colocationid, (SELECT count(*) FROM pg_dist_shard s WHERE s.logicalrelid = p.logicalrelid), "
        "EXISTS (SELECT FROM pg_dist_partition u WHERE u.logicalrelid = to_regclass('public.users') "
        "AND u.partmethod = 'h' AND u.colocationid = p.colocationid) "
        "FROM pg_dist_partition p WHERE p.logicalrelid = to_regclass('public.dialogs') AND p.partmethod = 'h'",
        0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    snapshot->info.citus = snapshot_keep(snapshot, task->citus);
    snapshot->info.distributed = PQntuples(result) == 1;
    if (snapshot->info.distributed) {
        snapshot->info.colocation = (uint32_t)field_number(result, 0, 0);
        snapshot->info.shards = (uint32_t)field_number(result, 0, 1);
        snapshot->info.users_distributed = field_bool(result, 0, 2);
    }
    PQclear(result);
    return DLG_OK;
}

static void node_take(dlg_cluster *snapshot, const PGresult *result, int row)
{
    struct snapshot_node *node = snapshot_add(snapshot, &snapshot->nodes, sizeof *node);
    if (!node)
        return;
    int32_t group = (int32_t)field_number(result, row, 1);
    node->id = (int32_t)field_number(result, row, 0);
    node->synced = field_bool(result, row, 6);
    node->plugins = node->silence = "";
    node->node = (dlg_cluster_node){.group = group,
                                    .host = snapshot_keep(snapshot, field_text(result, row, 2)),
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
static int nodes_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    const char *values[] = {PQhost(task->conn), PQport(task->conn)};
    PGresult *result = cluster_query(
        task, task->conn,
        "SELECT n.*, (SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s ON s.shardid = p.shardid "
        "WHERE p.groupid = n.groupid AND s.logicalrelid = to_regclass('public.dialogs')) "
        "FROM (SELECT nodeid, groupid, nodename, nodeport, isactive, shouldhaveshards, hasmetadata AND metadatasynced "
        "FROM pg_dist_node WHERE noderole = 'primary' UNION ALL SELECT 0, 0, $1::text, $2::integer, true, false, true "
        "WHERE NOT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0)) AS n ORDER BY n.groupid",
        2, values);
    if (!result)
        return dlg_error_code(task->error);
    for (int row = 0; row < PQntuples(result); row++)
        node_take(snapshot, result, row);
    PQclear(result);
    return DLG_OK;
}

static int sizes_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    PGresult *result = cluster_query(task, task->conn,
                                     "SELECT nodename, nodeport, sum(shard_size)::bigint FROM citus_shards "
                                     "WHERE colocation_id = (SELECT colocationid FROM pg_dist_partition "
                                     "WHERE logicalrelid = to_regclass('public.dialogs') AND partmethod = 'h') "
                                     "GROUP BY 1, 2",
                                     0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    for (int row = 0; row < PQntuples(result); row++) {
        struct snapshot_node *node =
            snapshot_node_by_name(snapshot, field_text(result, row, 0), (int32_t)field_number(result, row, 1));
        if (node)
            node->node.bytes = (uint64_t)field_number(result, row, 2);
    }
    PQclear(result);
    return DLG_OK;
}

static int job_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    PGresult *result =
        cluster_query(task, task->conn, "SELECT job_id, state FROM citus_rebalance_status(true)", 0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    if (PQntuples(result)) {
        snapshot->job = field_number(result, 0, 0);
        snapshot->job_state = job_state_of(field_text(result, 0, 1));
    }
    PQclear(result);
    return DLG_OK;
}

static int leftovers_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    static const char *const kinds[] = {"?", "shard", "subscription", "slot", "publication", "role", "database"};
    PGresult *result = cluster_query(
        task, task->conn, "SELECT object_type, object_name, node_group_id FROM pg_dist_cleanup ORDER BY record_id", 0,
        NULL);
    if (!result)
        return dlg_error_code(task->error);
    for (int row = 0; row < PQntuples(result); row++) {
        dlg_cluster_leftover *leftover = snapshot_add(snapshot, &snapshot->leftovers, sizeof *leftover);
        size_t kind = (size_t)field_number(result, row, 0);
        if (leftover)
            *leftover = (dlg_cluster_leftover){.kind = kinds[kind < sizeof kinds / sizeof *kinds ? kind : 0],
                                               .name = snapshot_keep(snapshot, field_text(result, row, 1)),
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

static void totals_make(dlg_cluster *snapshot)
{
    uint64_t most_bytes = 0, most_rows = 0;
    unsigned count = 0;
    for (size_t i = 0; i < snapshot->nodes.count; i++) {
        const dlg_cluster_node *node = &snapshot_node_at(snapshot, i)->node;
        snapshot->info.bytes += node->bytes;
        snapshot->info.rows += node->rows;
        most_bytes = node->bytes > most_bytes ? node->bytes : most_bytes;
        most_rows = node->rows > most_rows ? node->rows : most_rows;
        count += node->takes_shards || node->shards;
    }
    snapshot->info.skew_bytes = skew((double)most_bytes, (double)snapshot->info.bytes, count);
    snapshot->info.skew_rows = skew((double)most_rows, (double)snapshot->info.rows, count);
}

static void counters_take(struct cluster_task *task, dlg_cluster *snapshot)
{
    struct engine *engine = &task->client->engine;
    snapshot->info.routed = engine->routed;
    snapshot->info.fallback = engine->fallback;
    snapshot->info.stale = engine->stale;
}

int cluster_snapshot_read(struct cluster_task *task, dlg_cluster **snapshot)
{
    static int (*const steps[])(struct cluster_task *, dlg_cluster *) = {
        tables_read, nodes_read, sizes_read, node_facts_read, node_clocks_read, job_read, leftovers_read};
    *snapshot = snapshot_new();
    if (!*snapshot)
        return cluster_fail(task, DLG_E_MEMORY, "out of memory");
    int code = DLG_OK;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && code == DLG_OK; i++)
        code = steps[i](task, *snapshot);
    if (code == DLG_OK && (*snapshot)->no_memory)
        code = cluster_fail(task, DLG_E_MEMORY, "out of memory");
    totals_make(*snapshot);
    counters_take(task, *snapshot);
    return code;
}

/* ---- Reaching nodes ---- */

static struct patience node_patience(const struct cluster_task *task)
{
    int64_t patience_us = task->client->settings->connect_timeout_ms * 1000;
    return (struct patience){.deadline_us = clock_monotonic_us() + patience_us, .stop = &task->client->admin.stop};
}

/* Another server may answer at an address, as when a setting is wrong or an address was given to somebody else. */
static void identity_check(struct cluster_task *task, dlg_cluster *snapshot, struct snapshot_node *node, PGconn *conn)
{
    dlg_error *error = NULL;
    const struct patience patience = node_patience(task);
    PGresult *result =
        admin_connection_run(conn, "SELECT groupid FROM pg_catalog.pg_dist_local_group", &patience, &error);
    int64_t group = result && PQntuples(result) == 1 ? field_number(result, 0, 0) : -1;
    if (!result)
        node->node.unreachable = snapshot_keep(snapshot, dlg_error_message(error));
    else if (group != node->node.group)
        node->node.unreachable =
            snapshot_keep(snapshot, "another server answers at this address; see the setting node_addresses");
    node->node.reachable = result && group == node->node.group;
    PQclear(result);
    dlg_error_free(error);
}

static void multi_connect_take(struct cluster_task *task, dlg_cluster *snapshot, struct snapshot_node *node,
                               struct connect_attempt *target)
{
    char why[CLUSTER_TEXT];
    if (multi_connect_succeeded(target)) {
        identity_check(task, snapshot, node, target->conn);
        return;
    }
    multi_connect_reason(target, why, sizeof why);
    node->node.unreachable = snapshot_keep(snapshot, why);
}

int cluster_reach_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    size_t count = snapshot->nodes.count;
    char name[NODE_ADDRESS_SIZE];
    struct connect_attempt *targets = calloc(count + 1, sizeof *targets);
    char **conninfos = calloc(count + 1, sizeof *conninfos);
    if (!targets || !conninfos) {
        free(targets);
        free(conninfos);
        return cluster_fail(task, DLG_E_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        const dlg_cluster_node *node = &snapshot_node_at(snapshot, i)->node;
        node_address_name(node->host, node->port, name, sizeof name);
        conninfos[i] = node->group ? node_address_conninfo(task->client->settings, task->conn, name)
                                   : node_address_same(task->conn);
        targets[i].conninfo = conninfos[i];
    }
    const struct patience patience = node_patience(task);
    multi_connect_all(targets, count, &patience);
    for (size_t i = 0; i < count; i++) {
        multi_connect_take(task, snapshot, snapshot_node_at(snapshot, i), &targets[i]);
        free(conninfos[i]);
    }
    multi_connect_close(targets, count);
    free(targets);
    free(conninfos);
    return cluster_report(task);
}
