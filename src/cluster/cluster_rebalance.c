/* cluster_rebalance.c - the calls that move shards until they are spread evenly. */
#include "cluster/cluster_check.h"
#include "cluster/rebalance.h"

/* ---- The job ---- */

/* `job` receives Citus's number, 0: everything is where it should be. */
static int job_start(struct cluster_work *work, bool drain, int64_t *job)
{
    const char *values[] = {cluster_strategy_name(work->options.strategy), drain ? "t" : "f",
                            cluster_mode_name(work->options.mode)};
    PGresult *result = cluster_query(work, work->conn,
                                     "SELECT citus_rebalance_start(rebalance_strategy := $1, drain_only := $2, "
                                     "shard_transfer_mode := $3)",
                                     3, values);
    if (!result)
        return dlg_error_code(work->error);
    *job = field_number(result, 0, 0);
    PQclear(result);
    return DLG_OK;
}

/* Follows the job; the result is the work's. */
static int job_follow(struct cluster_work *work, int64_t job, bool wait)
{
    struct tracker tracker;
    int code = tracker_open(work, &tracker, job);
    if (code == DLG_OK && wait)
        code = tracker_follow(work, &tracker);
    dlg_rebalance_free(work->rebalance);
    work->rebalance = tracker.rebalance;
    cluster_progress_clear(work);
    cluster_refresh(work);
    return code;
}

static int moves_make(struct cluster_work *work, bool drain)
{
    int64_t job = 0;
    if (work->view->leftovers.count)
        rebalance_clean(work); /* a shard that a move left would be in the way of the next one */
    int code = cluster_phase(work, "starting");
    if (code == DLG_OK)
        code = job_start(work, drain, &job);
    if (code != DLG_OK || job == 0)
        return code;
    bool wait = !(work->options.flags & DLG_REBALANCE_NO_WAIT);
    code = job_follow(work, job, wait);
    if (code == DLG_OK && wait)
        cluster_analyze(work, work->view->info.users_distributed);
    return code;
}

int rebalance_run(struct cluster_work *work, bool drain)
{
    int code = cluster_phase(work, "planning");
    if (code == DLG_OK)
        code = rebalance_plan(work, drain, &work->rebalance);
    if (code != DLG_OK || work->options.flags & DLG_REBALANCE_DRY_RUN)
        return code;
    if (work->rebalance->count == 0) {
        work->rebalance->info.state = DLG_JOB_FINISHED;
        return DLG_OK;
    }
    return moves_make(work, drain);
}

/* ---- dlg_cluster_rebalance ---- */

static int run_rebalance(struct cluster_work *work)
{
    int code = cluster_connect(work);
    if (code == DLG_OK)
        code = cluster_need_distributed(work);
    if (code == DLG_OK)
        code = cluster_prepare(work, CHECK_MOVES);
    return code == DLG_OK ? rebalance_run(work, false) : code;
}

/* ---- dlg_cluster_rebalance_wait ---- */

static int last_job(struct cluster_work *work, int64_t *job, dlg_job_state *state)
{
    PGresult *result =
        cluster_query(work, work->conn, "SELECT job_id, state FROM citus_rebalance_status(true)", 0, NULL);
    if (!result)
        return dlg_error_code(work->error);
    bool any = PQntuples(result) > 0;
    *job = any ? field_number(result, 0, 0) : 0;
    *state = any ? job_state_of(field_text(result, 0, 1)) : DLG_JOB_NONE;
    PQclear(result);
    return DLG_OK;
}

static int run_wait(struct cluster_work *work)
{
    int64_t job = 0;
    dlg_job_state state = DLG_JOB_NONE;
    int code = cluster_connect(work);
    if (code == DLG_OK)
        code = cluster_need_distributed(work);
    if (code == DLG_OK)
        code = last_job(work, &job, &state);
    if (code == DLG_OK && job)
        code = job_follow(work, job, job_is_under_way(state));
    else if (code == DLG_OK && !(work->rebalance = rebalance_new(0)))
        code = cluster_fail(work, DLG_E_MEMORY, "out of memory");
    return code;
}

/* ---- dlg_cluster_rebalance_cancel ---- */

static int job_cancel(struct cluster_work *work, int64_t job)
{
    struct tracker tracker;
    int code = tracker_open(work, &tracker, job);
    work->rebalance = tracker.rebalance;
    if (code != DLG_OK)
        return code;
    tracker_stop(work, &tracker);
    cluster_progress_clear(work);
    if (!job_is_under_way(tracker.state))
        return DLG_OK;
    return cluster_fail(work, DLG_E_TIMEOUT, "job %lld does not stop; it is %s", (long long)job,
                        dlg_job_state_name(tracker.state));
}

static int run_cancel(struct cluster_work *work)
{
    int64_t job = 0;
    dlg_job_state state = DLG_JOB_NONE;
    int code = cluster_connect(work);
    if (code == DLG_OK)
        code = cluster_need_distributed(work);
    if (code == DLG_OK)
        code = last_job(work, &job, &state);
    if (code == DLG_OK && !job_is_under_way(state))
        code = cluster_fail(work, DLG_E_STATE, "no rebalance is under way");
    if (code == DLG_OK)
        code = cluster_execute(work, "SELECT citus_rebalance_stop()", 0, NULL);
    return code == DLG_OK ? job_cancel(work, job) : code;
}

/* ---- Calls ---- */

static int work_new(dlg_client *client, int (*run)(struct cluster_work *), const dlg_rebalance_options *options,
                    dlg_cluster_progress_fn progress, void *payload, struct cluster_work **work, dlg_error **error)
{
    int code = cluster_work_new(client, run, progress, payload, work, error);
    if (code != DLG_OK)
        return code;
    code = cluster_take_rebalance(*work, options, error);
    if (code != DLG_OK)
        cluster_release(*work);
    return code;
}

static int call(struct cluster_work *work, dlg_rebalance **result, dlg_error **error)
{
    int code = cluster_call(work, error);
    if (code == DLG_OK && result) {
        *result = work->rebalance;
        work->rebalance = NULL;
    }
    cluster_release(work);
    return code;
}

int dlg_cluster_rebalance(dlg_client *client, const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                          void *payload, dlg_rebalance **result, dlg_error **error)
{
    struct cluster_work *work;
    int code = work_new(client, run_rebalance, options, progress, payload, &work, error);
    return code == DLG_OK ? call(work, result, error) : code;
}

int dlg_cluster_rebalance_async(dlg_client *client, const dlg_rebalance_options *options,
                                dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                dlg_error **error)
{
    struct cluster_work *work;
    int code = work_new(client, run_rebalance, options, progress, payload, &work, error);
    return code == DLG_OK ? cluster_post(work, callback, error) : code;
}

int dlg_cluster_rebalance_wait(dlg_client *client, const dlg_rebalance_options *options,
                               dlg_cluster_progress_fn progress, void *payload, dlg_rebalance **result,
                               dlg_error **error)
{
    struct cluster_work *work;
    int code = work_new(client, run_wait, options, progress, payload, &work, error);
    return code == DLG_OK ? call(work, result, error) : code;
}

int dlg_cluster_rebalance_wait_async(dlg_client *client, const dlg_rebalance_options *options,
                                     dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                     dlg_error **error)
{
    struct cluster_work *work;
    int code = work_new(client, run_wait, options, progress, payload, &work, error);
    return code == DLG_OK ? cluster_post(work, callback, error) : code;
}

static int cancel_new(dlg_client *client, int64_t timeout_us, void *payload, struct cluster_work **work,
                      dlg_error **error)
{
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    options.timeout_us = timeout_us;
    return work_new(client, run_cancel, &options, NULL, payload, work, error);
}

int dlg_cluster_rebalance_cancel(dlg_client *client, int64_t timeout_us, dlg_error **error)
{
    struct cluster_work *work;
    int code = cancel_new(client, timeout_us, NULL, &work, error);
    return code == DLG_OK ? call(work, NULL, error) : code;
}

int dlg_cluster_rebalance_cancel_async(dlg_client *client, int64_t timeout_us, dlg_callback callback, void *payload,
                                       dlg_error **error)
{
    struct cluster_work *work;
    int code = cancel_new(client, timeout_us, payload, &work, error);
    return code == DLG_OK ? cluster_post(work, callback, error) : code;
}
