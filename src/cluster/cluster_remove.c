/* cluster_remove.c - a worker that leaves. */
#include "cluster/cluster_check.h"
#include "cluster/rebalance.h"

#include <stdio.h>

#define HERE(work) (work)->options.host, (int)(work)->options.port

static int takes_shards_set(struct cluster_work *work, bool takes)
{
    const char *values[] = {work->options.host, work->options.port_text, takes ? "t" : "f"};
    static const char sql[] = "SELECT citus_set_node_property($1::text, $2::integer, 'shouldhaveshards', $3::boolean)";
    if (!takes)
        return cluster_execute(work, sql, 3, values);
    cluster_attempt(work, sql, 3, values);
    return DLG_OK;
}

/* Shards of any distributed table; copies of reference tables leave with the node. */
static int shards_count(struct cluster_work *work, int32_t group, int64_t *count)
{
    char number[16];
    const char *values[] = {number};
    snprintf(number, sizeof number, "%d", (int)group);
    PGresult *result = cluster_query(work, work->conn,
                                     "SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s ON s.shardid = "
                                     "p.shardid JOIN pg_dist_partition t ON t.logicalrelid = s.logicalrelid "
                                     "WHERE p.groupid = $1 AND t.partmethod <> 'n'",
                                     1, values);
    if (!result)
        return dlg_error_code(work->error);
    *count = field_number(result, 0, 0);
    PQclear(result);
    return DLG_OK;
}

static int others_check(struct cluster_work *work, const struct view_node *leaving)
{
    for (size_t i = 0; i < work->view->nodes.count; i++) {
        const struct view_node *node = view_node_at(work->view, i);
        if (node != leaving && node->node.takes_shards && node->node.active)
            return DLG_OK;
    }
    return cluster_fail(work, DLG_E_PRECONDITION,
                        "%s:%d is the last node that takes shards; add another one first (dlgctl cluster add-node), or "
                        "take the tables back (dlgctl cluster undistribute)",
                        HERE(work));
}

static int drain(struct cluster_work *work, const struct view_node *node)
{
    int64_t left = 0;
    int code = others_check(work, node);
    if (code == DLG_OK)
        code = cluster_check(work, work->view, work->options.mode, CHECK_MOVES);
    if (code == DLG_OK)
        code = cluster_need_no_problems(work, work->view);
    if (code != DLG_OK)
        return code;
    code = takes_shards_set(work, false);
    if (code == DLG_OK)
        code = rebalance_run(work, true);
    if (code == DLG_OK)
        code = shards_count(work, node->node.group, &left);
    if (code == DLG_OK && left)
        code = cluster_fail(work, DLG_E_DATABASE, "%lld shards did not leave %s:%d", (long long)left, HERE(work));
    if (code != DLG_OK && node->node.takes_shards)
        takes_shards_set(work, true);
    return code;
}

/* Without metadata it cannot answer from what was true when it left. */
static int node_remove(struct cluster_work *work, const struct view_node *node)
{
    const char *values[] = {work->options.host, work->options.port_text};
    int code = cluster_phase(work, "removing");
    if (code == DLG_OK && node->answered) {
        rebalance_clean(work);
        code = cluster_execute(work, "SELECT stop_metadata_sync_to_node($1::text, $2::integer)", 2, values);
    }
    if (code == DLG_OK)
        code = cluster_execute(work, "SELECT citus_remove_node($1::text, $2::integer)", 2, values);
    return code;
}

static int leaving_find(struct cluster_work *work, const struct view_node **node)
{
    *node = view_node_by_name(work->view, HERE(work));
    if (!*node || !(*node)->id)
        return cluster_fail(work, DLG_E_STATE, "the cluster has no node %s:%d; `dlgctl cluster status` lists them",
                            HERE(work));
    if ((*node)->node.group == 0)
        return cluster_fail(work, DLG_E_ARGUMENT, "%s:%d is the coordinator, which stays", HERE(work));
    return DLG_OK;
}

static int run_remove(struct cluster_work *work)
{
    const struct view_node *node = NULL;
    int64_t shards = 0;
    int code = cluster_connect(work);
    if (code == DLG_OK)
        code = cluster_need_superuser(work, "removing a node");
    if (code == DLG_OK)
        code = cluster_phase(work, "checking");
    if (code == DLG_OK)
        code = cluster_view_read(work, &work->view);
    if (code == DLG_OK)
        code = leaving_find(work, &node);
    if (code == DLG_OK)
        code = cluster_need_quiet(work, work->view);
    if (code == DLG_OK)
        code = shards_count(work, node->node.group, &shards);
    if (code == DLG_OK && shards)
        code = drain(work, node);
    else if (code == DLG_OK && !(work->rebalance = rebalance_new(0)))
        code = cluster_fail(work, DLG_E_MEMORY, "out of memory");
    if (code == DLG_OK)
        code = node_remove(work, node);
    cluster_refresh(work);
    return code;
}

/* ---- Calls ---- */

static int remove_new(dlg_client *client, const char *host, int32_t port, const dlg_rebalance_options *options,
                      dlg_cluster_progress_fn progress, void *payload, struct cluster_work **work, dlg_error **error)
{
    int code = cluster_work_new(client, run_remove, progress, payload, work, error);
    if (code != DLG_OK)
        return code;
    code = cluster_take_host(*work, host, port, error);
    if (code == DLG_OK)
        code = cluster_take_rebalance(*work, options, error);
    (*work)->options.flags = 0;
    if (code != DLG_OK)
        cluster_release(*work);
    return code;
}

int dlg_cluster_remove_node(dlg_client *client, const char *host, int32_t port, const dlg_rebalance_options *options,
                            dlg_cluster_progress_fn progress, void *payload, dlg_rebalance **result, dlg_error **error)
{
    struct cluster_work *work;
    int code = remove_new(client, host, port, options, progress, payload, &work, error);
    if (code != DLG_OK)
        return code;
    code = cluster_call(work, error);
    if (code == DLG_OK && result) {
        *result = work->rebalance;
        work->rebalance = NULL;
    }
    cluster_release(work);
    return code;
}

int dlg_cluster_remove_node_async(dlg_client *client, const char *host, int32_t port,
                                  const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                  dlg_callback callback, void *payload, dlg_error **error)
{
    struct cluster_work *work;
    int code = remove_new(client, host, port, options, progress, payload, &work, error);
    return code == DLG_OK ? cluster_post(work, callback, error) : code;
}
