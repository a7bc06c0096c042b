/* cluster_rebalance.c - the calls that move shards until they are spread evenly. */
#include "cluster/cluster_rebalance.h"

#include "cluster/cluster_check.h"
#include "cluster/rebalance_tracker.h"

/* ---- The job ---- */

/* `job` receives Citus's number, 0: everything is where it should be. */
static int job_start(struct cluster_task *task, bool drain, int64_t *job)
{
    const char *values[] = {cluster_strategy_name(task->options.strategy), drain ? "t" : "f",
                            cluster_mode_name(task->options.mode)};
    PGresult *result = cluster_query(task, task->conn,
                                     "SELECT citus_rebalance_start(rebalance_strategy := $1, drain_only := $2, "
                                     "shard_transfer_mode := $3)",
                                     3, values);
    if (!result)
        return dlg_error_code(task->error);
    *job = field_number(result, 0, 0);
    PQclear(result);
    return DLG_OK;
}

/* Follows the job; the result is the task's. */
static int job_follow(struct cluster_task *task, int64_t job, bool wait)
{
    struct tracker tracker;
    int code = tracker_open(task, &tracker, job);
    if (code == DLG_OK && wait)
        code = tracker_follow(task, &tracker);
    dlg_rebalance_free(task->rebalance);
    task->rebalance = tracker.rebalance;
    cluster_progress_clear(task);
    cluster_refresh(task);
    return code;
}

static int moves_make(struct cluster_task *task, bool drain)
{
    int64_t job = 0;
    if (task->snapshot->leftovers.count)
        rebalance_clean(task); /* a shard that a move left would be in the way of the next one */
    int code = cluster_phase(task, "starting");
    if (code == DLG_OK)
        code = job_start(task, drain, &job);
    if (code != DLG_OK || job == 0)
        return code;
    bool wait = !(task->options.flags & DLG_REBALANCE_NO_WAIT);
    code = job_follow(task, job, wait);
    if (code == DLG_OK && wait)
        cluster_analyze(task, task->snapshot->info.users_distributed);
    return code;
}

int rebalance_run(struct cluster_task *task, bool drain)
{
    int code = cluster_phase(task, "planning");
    if (code == DLG_OK)
        code = rebalance_plan(task, drain, &task->rebalance);
    if (code != DLG_OK || task->options.flags & DLG_REBALANCE_DRY_RUN)
        return code;
    if (task->rebalance->count == 0) {
        task->rebalance->info.state = DLG_JOB_STATE_FINISHED;
        return DLG_OK;
    }
    return moves_make(task, drain);
}

/* ---- dlg_cluster_rebalance ---- */

static int run_rebalance(struct cluster_task *task)
{
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_need_distributed(task);
    if (code == DLG_OK)
        code = cluster_prepare(task, CHECK_MOVES);
    return code == DLG_OK ? rebalance_run(task, false) : code;
}

/* ---- dlg_cluster_rebalance_wait ---- */

static int last_job(struct cluster_task *task, int64_t *job, dlg_job_state *state)
{
    PGresult *result =
        cluster_query(task, task->conn, "SELECT job_id, state FROM citus_rebalance_status(true)", 0, NULL);
    if (!result)
        return dlg_error_code(task->error);
    bool any = PQntuples(result) > 0;
    *job = any ? field_number(result, 0, 0) : 0;
    *state = any ? job_state_of(field_text(result, 0, 1)) : DLG_JOB_STATE_NONE;
    PQclear(result);
    return DLG_OK;
}

static int run_wait(struct cluster_task *task)
{
    int64_t job = 0;
    dlg_job_state state = DLG_JOB_STATE_NONE;
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_need_distributed(task);
    if (code == DLG_OK)
        code = last_job(task, &job, &state);
    if (code == DLG_OK && job)
        code = job_follow(task, job, job_is_under_way(state));
    else if (code == DLG_OK && !(task->rebalance = rebalance_new(0)))
        code = cluster_fail(task, DLG_E_MEMORY, "out of memory");
    return code;
}

/* ---- dlg_cluster_rebalance_cancel ---- */

static int job_cancel(struct cluster_task *task, int64_t job)
{
    struct tracker tracker;
    int code = tracker_open(task, &tracker, job);
    task->rebalance = tracker.rebalance;
    if (code != DLG_OK)
        return code;
    tracker_stop(task, &tracker);
    cluster_progress_clear(task);
    if (!job_is_under_way(tracker.state))
        return DLG_OK;
    return cluster_fail(task, DLG_E_TIMEOUT, "job %lld does not stop; it is %s", (long long)job,
                        dlg_job_state_name(tracker.state));
}

static int run_cancel(struct cluster_task *task)
{
    int64_t job = 0;
    dlg_job_state state = DLG_JOB_STATE_NONE;
    int code = cluster_connect(task);
    if (code == DLG_OK)
        code = cluster_need_distributed(task);
    if (code == DLG_OK)
        code = last_job(task, &job, &state);
    if (code == DLG_OK && !job_is_under_way(state))
        code = cluster_fail(task, DLG_E_STATE, "no rebalance is under way");
    if (code == DLG_OK)
        code = cluster_execute(task, "SELECT citus_rebalance_stop()", 0, NULL);
    return code == DLG_OK ? job_cancel(task, job) : code;
}

/* ---- Calls ---- */

static int task_new(dlg_client *client, int (*run)(struct cluster_task *), const dlg_rebalance_options *options,
                    dlg_cluster_progress_fn progress, void *payload, struct cluster_task **task, dlg_error **error)
{
    int code = cluster_task_new(client, run, progress, payload, task, error);
    if (code != DLG_OK)
        return code;
    code = cluster_take_rebalance(*task, options, error);
    if (code != DLG_OK)
        cluster_release(*task);
    return code;
}

static int rebalance_call(struct cluster_task *task, dlg_rebalance **result, dlg_error **error)
{
    int code = cluster_call(task, error);
    if (code == DLG_OK && result) {
        *result = task->rebalance;
        task->rebalance = NULL;
    }
    cluster_release(task);
    return code;
}

int dlg_cluster_rebalance(dlg_rebalance **result, dlg_client *client, const dlg_rebalance_options *options,
                          dlg_cluster_progress_fn progress, void *payload, dlg_error **error)
{
    struct cluster_task *task;
    int code = task_new(client, run_rebalance, options, progress, payload, &task, error);
    return code == DLG_OK ? rebalance_call(task, result, error) : code;
}

int dlg_cluster_rebalance_async(dlg_client *client, const dlg_rebalance_options *options,
                                dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                dlg_error **error)
{
    struct cluster_task *task;
    int code = task_new(client, run_rebalance, options, progress, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}

int dlg_cluster_rebalance_wait(dlg_rebalance **result, dlg_client *client, const dlg_rebalance_options *options,
                               dlg_cluster_progress_fn progress, void *payload, dlg_error **error)
{
    struct cluster_task *task;
    int code = task_new(client, run_wait, options, progress, payload, &task, error);
    return code == DLG_OK ? rebalance_call(task, result, error) : code;
}

int dlg_cluster_rebalance_wait_async(dlg_client *client, const dlg_rebalance_options *options,
                                     dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                     dlg_error **error)
{
    struct cluster_task *task;
    int code = task_new(client, run_wait, options, progress, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}

static int cancel_new(dlg_client *client, int64_t timeout_us, void *payload, struct cluster_task **task,
                      dlg_error **error)
{
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    options.timeout_us = timeout_us;
    return task_new(client, run_cancel, &options, NULL, payload, task, error);
}

int dlg_cluster_rebalance_cancel(dlg_client *client, int64_t timeout_us, dlg_error **error)
{
    struct cluster_task *task;
    int code = cancel_new(client, timeout_us, NULL, &task, error);
    return code == DLG_OK ? rebalance_call(task, NULL, error) : code;
}

int dlg_cluster_rebalance_cancel_async(dlg_client *client, int64_t timeout_us, dlg_callback callback, void *payload,
                                       dlg_error **error)
{
    struct cluster_task *task;
    int code = cancel_new(client, timeout_us, payload, &task, error);
    return code == DLG_OK ? cluster_post(task, callback, error) : code;
}
