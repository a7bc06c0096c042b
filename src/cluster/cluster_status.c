/* cluster_status.c - the call that tells how a cluster is. */
#include "cluster/cluster_check.h"
#include "cluster/cluster_rebalance.h"
#include "cluster/rebalance_tracker.h"

/* How far the rebalance that is under way has come, kept by the snapshot. */
static int progress_read(struct cluster_task *task, dlg_cluster *snapshot)
{
    struct tracker tracker;
    int code = tracker_open(task, &tracker, snapshot->job);
    if (code == DLG_OK) {
        snapshot->job_state = tracker.state;
        snapshot->progress = task->progress;
        snapshot->progress.phase = snapshot_keep(snapshot, tracker.phase);
        snapshot->progress.source = snapshot_keep(snapshot, tracker.source);
        snapshot->progress.target = snapshot_keep(snapshot, tracker.target);
        snapshot->progress.message = snapshot_keep(snapshot, tracker.message);
    }
    cluster_progress_clear(task);
    dlg_rebalance_free(tracker.rebalance);
    return code;
}

static int run_status(struct cluster_task *task)
{
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_snapshot_read(task, &task->snapshot);
    if (code == DLG_OK)
        code = cluster_reach_read(task, task->snapshot);
    if (code == DLG_OK)
        code = cluster_check(task, task->snapshot, DLG_TRANSFER_MODE_AUTO, CHECK_MOVES);
    if (code == DLG_OK && job_is_under_way(task->snapshot->job_state))
        code = progress_read(task, task->snapshot);
    if (code != DLG_OK)
        return code;
    task->cluster = task->snapshot;
    task->snapshot = NULL;
    return DLG_OK;
}

int dlg_cluster_status(dlg_cluster **cluster, dlg_client *client, dlg_error **error)
{
    struct cluster_task *task;
    int code = cluster_task_new(client, run_status, NULL, NULL, &task, error);
    if (code != DLG_OK)
        return code;
    code = cluster_call(task, error);
    if (code == DLG_OK && cluster) {
        *cluster = task->cluster;
        task->cluster = NULL;
    }
    cluster_release(task);
    return code;
}

int dlg_cluster_status_async(dlg_client *client, dlg_callback callback, void *payload, dlg_error **error)
{
    struct cluster_task *task;
    int code = cluster_task_new(client, run_status, NULL, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}
