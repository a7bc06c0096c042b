/* cluster_task.c - the life of a call of dlg_cluster_*: its options, its thread, its one completion. */
#include "cluster/cluster_task.h"
#include "base/timeout.h"
#include "base/versioned.h"
#include "cluster/cluster_snapshot.h"
#include "cluster/rebalance.h"
#include "engine/complete.h"
#include "engine/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making ---- */

static void task_destroy(struct request *request)
{
    struct cluster_task *task = (struct cluster_task *)request;
    dlg_cluster_free(task->snapshot);
    dlg_cluster_free(task->cluster);
    dlg_rebalance_free(task->rebalance);
    dlg_error_free(task->error);
}

void cluster_progress_clear(struct cluster_task *task)
{
    task->progress.phase = task->progress.source = task->progress.target = task->progress.message = "";
    task->progress.shard = 0;
    task->progress.retries = 0;
}

int cluster_task_new(dlg_client *client, int (*run)(struct cluster_task *), dlg_cluster_progress_fn report,
                     void *payload, struct cluster_task **task, dlg_error **error)
{
    int code = client_check(client, error);
    if (code != DLG_OK)
        return code;
    struct cluster_task *made = request_new(sizeof *made, REQUEST_CLUSTER);
    if (!made)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    made->request.bytes = sizeof *made;
    made->request.destroy = task_destroy;
    made->client = client;
    made->run = run;
    made->report = report;
    made->payload = payload;
    cluster_take_timeout(made, 0);
    cluster_progress_clear(made);
    made->progress.phase = "connecting";
    *task = made;
    return DLG_OK;
}

void cluster_take_timeout(struct cluster_task *task, int64_t timeout_us)
{
    task->deadline_us = clock_deadline(timeout_choose(timeout_us, -1));
}

int cluster_take_host(struct cluster_task *task, const char *host, int32_t port, dlg_error **error)
{
    struct cluster_options *options = &task->options;
    if (!host || !*host || strlen(host) >= sizeof options->host)
        return error_set(error, DLG_E_ARGUMENT, "malformed node address: give a host of 1 to %zu characters and a port",
                         sizeof options->host - 1);
    if (port < 1 || port > 65535)
        return error_set(error, DLG_E_ARGUMENT, "node port is out of range: give 1 to 65535");
    snprintf(options->host, sizeof options->host, "%s", host);
    options->port = port;
    snprintf(options->port_text, sizeof options->port_text, "%d", (int)port);
    return DLG_OK;
}

int cluster_take_mode(struct cluster_task *task, dlg_transfer_mode mode, dlg_error **error)
{
    if (mode != DLG_TRANSFER_MODE_AUTO && mode != DLG_TRANSFER_MODE_FORCE_LOGICAL &&
        mode != DLG_TRANSFER_MODE_BLOCK_WRITES)
        return error_set(error, DLG_E_ARGUMENT, "unknown transfer mode: give one of DLG_TRANSFER_MODE_*");
    task->options.mode = mode;
    return DLG_OK;
}

int cluster_take_rebalance(struct cluster_task *task, const dlg_rebalance_options *given, dlg_error **error)
{
    dlg_rebalance_options options;
    int code = versioned_read(&versioned_rebalance_options, &options, given, error);
    if (code != DLG_OK)
        return code;
    if (options.flags & ~(DLG_REBALANCE_DRY_RUN | DLG_REBALANCE_NO_WAIT))
        return error_set(
            error, DLG_E_ARGUMENT,
            "unknown flag in dlg_rebalance_options: give DLG_REBALANCE_DRY_RUN, DLG_REBALANCE_NO_WAIT or 0");
    if (options.strategy != DLG_REBALANCE_STRATEGY_SHARD_COUNT && options.strategy != DLG_REBALANCE_STRATEGY_DISK_SIZE)
        return error_set(error, DLG_E_ARGUMENT,
                         "unknown strategy: give DLG_REBALANCE_STRATEGY_SHARD_COUNT or _DISK_SIZE");
    if (options.retries < -1)
        return error_set(error, DLG_E_ARGUMENT, "retries is out of range: give -1 (as many as Citus makes), 0 or more");
    task->options.flags = options.flags;
    task->options.strategy = options.strategy;
    task->options.retries = options.retries;
    cluster_take_timeout(task, options.timeout_us);
    return cluster_take_mode(task, options.mode, error);
}

/* ---- Running ---- */

static void task_disconnect(struct cluster_task **task)
{
    PQfinish((*task)->watch);
    PQfinish((*task)->conn);
    (*task)->watch = (*task)->conn = NULL;
}

static int task_run(struct cluster_task *task)
{
    ADMIN_PLACE(place);
    struct cluster_task *connected __attribute__((cleanup(task_disconnect))) = task;
    int code = admin_enter(&task->client->admin, &place, &task->error);
    if (code != DLG_OK)
        return code;
    code = task->run(connected);
    if (code == DLG_OK) { /* what was tried on the way and did not matter */
        dlg_error_free(task->error);
        task->error = NULL;
    } else if (!task->error) {
        error_set(&task->error, code, "out of memory");
    }
    return code;
}

int cluster_call(struct cluster_task *task, dlg_error **error)
{
    int code = engine_may_wait(&task->client->engine, error);
    if (code == DLG_OK)
        code = task_run(task);
    if (!task->error)
        return code;
    error_give(error, task->error);
    task->error = NULL;
    return code;
}

void cluster_release(struct cluster_task *task)
{
    request_release(&task->request);
}

static void job_run(struct job *job, bool cancelled)
{
    struct cluster_task *task = (struct cluster_task *)((char *)job - offsetof(struct cluster_task, job));
    if (cancelled)
        error_set(&task->error, DLG_E_CLOSED, "the client was closed before the task began");
    else
        task_run(task);
    engine_resume(&task->request);
}

static void task_done(struct request *request)
{
    struct cluster_task *task = (struct cluster_task *)request;
    dlg_error *error = task->error;
    task->error = NULL;
    request_complete(request, error);
}

static void task_start(struct request *request)
{
    struct cluster_task *task = (struct cluster_task *)request;
    task->job.run = job_run;
    request->step = task_done;
    engine_expect(request);
    if (workers_submit(task->client->admin.workers, &task->job))
        return;
    request->outstanding--;
    error_set(&task->error, DLG_E_OVERLOAD, "too many administrative tasks are waiting: try again later");
    task_done(request);
    request_release(request);
}

int cluster_post(struct cluster_task *task, dlg_callback callback, dlg_error **error)
{
    task->request.step = task_start;
    return engine_post(&task->client->engine, &task->request, ENGINE_NO_TIMEOUT, callback, task->payload, error);
}

/* ---- Results ---- */

const struct cluster_task *cluster_reply(const dlg_reply *reply)
{
    return (const struct cluster_task *)reply_as(reply, REQUEST_CLUSTER);
}

const dlg_cluster *dlg_reply_cluster(const dlg_reply *reply)
{
    const struct cluster_task *task = cluster_reply(reply);
    return task ? task->cluster : NULL;
}

const dlg_rebalance *dlg_reply_rebalance(const dlg_reply *reply)
{
    const struct cluster_task *task = cluster_reply(reply);
    return task ? task->rebalance : NULL;
}

int64_t dlg_reply_shard(const dlg_reply *reply)
{
    const struct cluster_task *task = cluster_reply(reply);
    return task ? task->shard : 0;
}
