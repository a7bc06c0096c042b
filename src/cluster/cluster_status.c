/* cluster_status.c - the call that tells how a cluster is. */
#include "cluster/cluster_check.h"
#include "cluster/rebalance.h"

/* How far the rebalance that is under way has come, kept by the view. */
static int progress_read(struct cluster_work *work, dlg_cluster *view)
{
    struct tracker tracker;
    int code = tracker_open(work, &tracker, view->job);
    if (code == DLG_OK) {
        view->job_state = tracker.state;
        view->progress = work->progress;
        view->progress.phase = view_keep(view, tracker.phase);
        view->progress.source = view_keep(view, tracker.source);
        view->progress.target = view_keep(view, tracker.target);
        view->progress.message = view_keep(view, tracker.message);
    }
    cluster_progress_clear(work);
    dlg_rebalance_free(tracker.rebalance);
    return code;
}

static int run_status(struct cluster_work *work)
{
    int code = cluster_connect(work);
    if (code == DLG_OK)
        code = cluster_view_read(work, &work->view);
    if (code == DLG_OK)
        code = cluster_reach_read(work, work->view);
    if (code == DLG_OK)
        code = cluster_check(work, work->view, DLG_TRANSFER_AUTO, CHECK_MOVES);
    if (code == DLG_OK && job_is_under_way(work->view->job_state))
        code = progress_read(work, work->view);
    if (code != DLG_OK)
        return code;
    work->cluster = work->view;
    work->view = NULL;
    return DLG_OK;
}

int dlg_cluster_status(dlg_client *client, dlg_cluster **cluster, dlg_error **error)
{
    struct cluster_work *work;
    int code = cluster_work_new(client, run_status, NULL, NULL, &work, error);
    if (code != DLG_OK)
        return code;
    code = cluster_call(work, error);
    if (code == DLG_OK && cluster) {
        *cluster = work->cluster;
        work->cluster = NULL;
    }
    cluster_release(work);
    return code;
}

int dlg_cluster_status_async(dlg_client *client, dlg_callback callback, void *payload, dlg_error **error)
{
    struct cluster_work *work;
    int code = cluster_work_new(client, run_status, NULL, payload, &work, error);
    return code == DLG_OK ? cluster_post(work, callback, error) : code;
}
