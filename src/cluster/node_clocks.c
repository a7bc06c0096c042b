#include "cluster/node_clocks.h"

#include "base/clock.h"

static int64_t offset_least(const dlg_cluster *snapshot)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < snapshot->nodes.count; i++)
        if (snapshot_node_at(snapshot, i)->node.clock_offset_us < least)
            least = snapshot_node_at(snapshot, i)->node.clock_offset_us;
    return least;
}

static int64_t offset_most(const dlg_cluster *snapshot)
{
    int64_t most = INT64_MIN;
    for (size_t i = 0; i < snapshot->nodes.count; i++)
        if (snapshot_node_at(snapshot, i)->node.clock_offset_us > most)
            most = snapshot_node_at(snapshot, i)->node.clock_offset_us;
    return most;
}

/* All nodes were asked within the margin, so that of a difference is due to when they were asked. */
static void clocks_compare(dlg_cluster *snapshot, const PGresult *result, int64_t margin_us)
{
    int answers = 0;
    for (int row = 0; row < PQntuples(result); row++) {
        struct snapshot_node *node = snapshot_node_by_id(snapshot, (int32_t)field_number(result, row, 0));
        if (!node || PQgetisnull(result, row, 1))
            continue;
        node->node.clock_offset_us = field_number(result, row, 1);
        answers++;
    }
    snapshot->info.clock_margin_us = answers ? margin_us : -1;
    int64_t skew_us = answers ? offset_most(snapshot) - offset_least(snapshot) - margin_us : 0;
    snapshot->info.clock_skew_us = skew_us > 0 ? skew_us : 0;
}

static bool all_answered(const dlg_cluster *snapshot)
{
    for (size_t i = 0; i < snapshot->nodes.count; i++)
        if (!snapshot_node_at(snapshot, i)->answered)
            return false;
    return true;
}

/* Apart from the other facts, which take their time; not of nodes that would be waited for once more. */
int node_clocks_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    snapshot->info.clock_margin_us = -1;
    if (!all_answered(snapshot))
        return DLG_OK;
    int64_t begin_us = clock_monotonic_us();
    PGresult *result = cluster_query(
        task, task->conn,
        "SELECT nodeid, CASE WHEN success THEN result::bigint - "
        "(extract(epoch FROM pg_catalog.statement_timestamp()) * 1000000)::bigint END FROM run_command_on_all_nodes("
        "'SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint')",
        0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    clocks_compare(snapshot, result, clock_monotonic_us() - begin_us);
    PQclear(result);
    return DLG_OK;
}
