#include "cluster/rebalance_moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMN_TASK, COLUMN_DONE, COLUMN_SHARD, COLUMN_BYTES, COLUMN_SOURCE, COLUMN_TARGET };

static void move_read(struct rebalance_move *move, const PGresult *result, int row)
{
    move->task = field_number(result, row, COLUMN_TASK);
    move->done = field_bool(result, row, COLUMN_DONE);
    snprintf(move->source, sizeof move->source, "%s", field_text(result, row, COLUMN_SOURCE));
    snprintf(move->target, sizeof move->target, "%s", field_text(result, row, COLUMN_TARGET));
    move->move = (dlg_shard_move){.shard = field_number(result, row, COLUMN_SHARD),
                                  .bytes = (uint64_t)field_number(result, row, COLUMN_BYTES),
                                  .source = move->source,
                                  .target = move->target};
}

static int moves_read(struct cluster_task *task, const char *sql, int count, const char *const *values,
                      dlg_rebalance **rebalance)
{
    PGresult *result = cluster_query(task, task->conn, sql, count, values);
    if (!result)
        return dlg_error_code(task->error);
    int rows = PQntuples(result);
    dlg_rebalance *made = rebalance_new((size_t)rows);
    for (int row = 0; made && row < rows; row++) {
        move_read(&made->moves[row], result, row);
        made->info.bytes_total += made->moves[row].move.bytes;
        made->info.moves_total++;
    }
    PQclear(result);
    *rebalance = made;
    return made ? DLG_OK : cluster_fail(task, DLG_E_MEMORY, "out of memory");
}

/* Citus lists each table; colocated ones move together, and the first stands for them. */
int rebalance_plan(struct cluster_task *task, bool drain, dlg_rebalance **rebalance)
{
    const char *values[] = {cluster_strategy_name(task->options.strategy), drain ? "t" : "f"};
    return moves_read(
        task,
        "SELECT 0, false, min(m.shardid), coalesce(sum(s.shard_size), 0)::bigint, m.sourcename || ':' || m.sourceport, "
        "m.targetname || ':' || m.targetport "
        "FROM get_rebalance_table_shards_plan(rebalance_strategy := $1, drain_only := $2) WITH ORDINALITY "
        "AS m (table_name, shardid, shard_size, sourcename, sourceport, targetname, targetport, place) "
        "JOIN pg_dist_shard d ON d.shardid = m.shardid JOIN pg_dist_partition p ON p.logicalrelid = d.logicalrelid "
        "LEFT JOIN citus_shards s ON s.shardid = m.shardid "
        "GROUP BY p.colocationid, d.shardminvalue, 5, 6 ORDER BY min(m.place)",
        2, values, rebalance);
}

/* A task's command names the shard and, by their numbers, the nodes. */
int rebalance_read(struct cluster_task *task, int64_t job, dlg_rebalance **rebalance)
{
    char number[24];
    const char *values[] = {number};
    snprintf(number, sizeof number, "%lld", (long long)job);
    return moves_read(task,
                      "WITH sizes AS MATERIALIZED (SELECT shardid, shard_size FROM citus_shards), "
                      "tasks AS (SELECT task_id, status = 'done' AS done, "
                      "regexp_match(command, 'citus_move_shard_placement\\((\\d+),(?:(\\d+),(\\d+),)?') AS part "
                      "FROM pg_dist_background_task WHERE job_id = $1 AND command LIKE '%citus_move_shard_placement%') "
                      "SELECT t.task_id, t.done, t.part[1]::bigint, (SELECT coalesce(sum(c.shard_size), 0)::bigint "
                      "FROM pg_dist_shard a JOIN pg_dist_partition p ON p.logicalrelid = a.logicalrelid "
                      "JOIN pg_dist_partition q ON q.colocationid = p.colocationid JOIN pg_dist_shard b "
                      "ON b.logicalrelid = q.logicalrelid AND b.shardminvalue = a.shardminvalue JOIN sizes c ON "
                      "c.shardid = b.shardid "
                      "WHERE a.shardid = t.part[1]::bigint), coalesce(s.nodename || ':' || s.nodeport, ''), "
                      "coalesce(d.nodename || ':' || d.nodeport, '') FROM tasks t "
                      "LEFT JOIN pg_dist_node s ON s.nodeid = t.part[2]::integer "
                      "LEFT JOIN pg_dist_node d ON d.nodeid = t.part[3]::integer ORDER BY t.task_id",
                      1, values, rebalance);
}
