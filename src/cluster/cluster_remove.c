/* cluster_remove.c - a worker that leaves. */
#include "cluster/cluster_check.h"
#include "cluster/cluster_rebalance.h"
#include "cluster/rebalance_tracker.h"

#include <stdio.h>

#define HERE(task) (task)->options.host, (int)(task)->options.port

static int takes_shards_set(struct cluster_task *task, bool takes)
{
    const char *values[] = {task->options.host, task->options.port_text, takes ? "t" : "f"};
    static const char sql[] = "SELECT citus_set_node_property($1::text, $2::integer, 'shouldhaveshards', $3::boolean)";
    if (!takes)
        return cluster_execute(task, sql, 3, values);
    cluster_attempt(task, sql, 3, values);
    return DLG_OK;
}

/* Shards of any distributed table; copies of reference tables leave with the node. */
static int shards_count(struct cluster_task *task, int32_t group, int64_t *count)
{
    char number[16];
    const char *values[] = {number};
    snprintf(number, sizeof number, "%d", (int)group);
    PGresult *result = cluster_query(task, task->conn,
                                     "SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s ON s.shardid = "
                                     "p.shardid JOIN pg_dist_partition t ON t.logicalrelid = s.logicalrelid "
                                     "WHERE p.groupid = $1 AND t.partmethod <> 'n'",
                                     1, values);
    if (!result)
        return dlg_error_code(task->error);
    *count = field_number(result, 0, 0);
    PQclear(result);
    return DLG_OK;
}

static int others_check(struct cluster_task *task, const struct snapshot_node *leaving)
{
    for (size_t i = 0; i < task->snapshot->nodes.count; i++) {
        const struct snapshot_node *node = snapshot_node_at(task->snapshot, i);
        if (node != leaving && node->node.takes_shards && node->node.active)
            return DLG_OK;
    }
    return cluster_fail(task, DLG_E_PRECONDITION,
                        "%s:%d is the last node that takes shards; add another one first (dlgctl cluster add-node), or "
                        "take the tables back (dlgctl cluster undistribute)",
                        HERE(task));
}

static int drain(struct cluster_task *task, const struct snapshot_node *node)
{
    int64_t left = 0;
    int code = others_check(task, node);
    if (code == DLG_OK)
        code = cluster_check(task, task->snapshot, task->options.mode, CHECK_MOVES);
    if (code == DLG_OK)
        code = cluster_need_no_problems(task, task->snapshot);
    if (code != DLG_OK)
        return code;
    code = takes_shards_set(task, false);
    if (code == DLG_OK)
        code = rebalance_run(task, true);
    if (code == DLG_OK)
        code = shards_count(task, node->node.group, &left);
    if (code == DLG_OK && left)
        code = cluster_fail(task, DLG_E_DATABASE, "%lld shards did not leave %s:%d", (long long)left, HERE(task));
    if (code != DLG_OK && node->node.takes_shards)
        takes_shards_set(task, true);
    return code;
}

/* Without metadata it cannot answer from what was true when it left. */
static int node_remove(struct cluster_task *task, const struct snapshot_node *node)
{
    const char *values[] = {task->options.host, task->options.port_text};
    int code = cluster_phase(task, "removing");
    if (code == DLG_OK && node->answered) {
        rebalance_clean(task);
        code = cluster_execute(task, "SELECT stop_metadata_sync_to_node($1::text, $2::integer)", 2, values);
    }
    if (code == DLG_OK)
        code = cluster_execute(task, "SELECT citus_remove_node($1::text, $2::integer)", 2, values);
    return code;
}

static int leaving_find(struct cluster_task *task, const struct snapshot_node **node)
{
    *node = snapshot_node_by_name(task->snapshot, HERE(task));
    if (!*node || !(*node)->id)
        return cluster_fail(task, DLG_E_STATE, "the cluster has no node %s:%d; `dlgctl cluster status` lists them",
                            HERE(task));
    if ((*node)->node.group == 0)
        return cluster_fail(task, DLG_E_ARGUMENT, "%s:%d is the coordinator, which stays", HERE(task));
    return DLG_OK;
}

static int run_remove(struct cluster_task *task)
{
    const struct snapshot_node *node = NULL;
    int64_t shards = 0;
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_need_superuser(task, "removing a node");
    if (code == DLG_OK)
        code = cluster_phase(task, "checking");
    if (code == DLG_OK)
        code = cluster_snapshot_read(task, &task->snapshot);
    if (code == DLG_OK)
        code = leaving_find(task, &node);
    if (code == DLG_OK)
        code = cluster_need_quiet(task, task->snapshot);
    if (code == DLG_OK)
        code = shards_count(task, node->node.group, &shards);
    if (code == DLG_OK && shards)
        code = drain(task, node);
    else if (code == DLG_OK && !(task->rebalance = rebalance_new(0)))
        code = cluster_fail(task, DLG_E_MEMORY, "out of memory");
    if (code == DLG_OK)
        code = node_remove(task, node);
    cluster_refresh(task);
    return code;
}

/* ---- Calls ---- */

static int remove_new(dlg_client *client, const char *host, int32_t port, const dlg_rebalance_options *options,
                      dlg_cluster_progress_fn progress, void *payload, struct cluster_task **task, dlg_error **error)
{
    int code = cluster_task_new(client, run_remove, progress, payload, task, error);
    if (code != DLG_OK)
        return code;
    code = cluster_take_host(*task, host, port, error);
    if (code == DLG_OK)
        code = cluster_take_rebalance(*task, options, error);
    (*task)->options.flags = 0;
    if (code != DLG_OK)
        cluster_release(*task);
    return code;
}

int dlg_cluster_remove_node(dlg_rebalance **result, dlg_client *client, const char *host, int32_t port,
                            const dlg_rebalance_options *options, dlg_cluster_progress_fn progress, void *payload,
                            dlg_error **error)
{
    struct cluster_task *task;
    int code = remove_new(client, host, port, options, progress, payload, &task, error);
    if (code != DLG_OK)
        return code;
    code = cluster_call(task, error);
    if (code == DLG_OK && result) {
        *result = task->rebalance;
        task->rebalance = NULL;
    }
    cluster_release(task);
    return code;
}

int dlg_cluster_remove_node_async(dlg_client *client, const char *host, int32_t port,
                                  const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                  dlg_callback callback, void *payload, dlg_error **error)
{
    struct cluster_task *task;
    int code = remove_new(client, host, port, options, progress, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}
