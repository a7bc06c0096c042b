/* cluster_work.c - the life of a call of dlg_cluster_*: its options, its thread, its one completion. */
#include "cluster/cluster_work.h"
#include "cluster/rebalance.h"
#include "cluster/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making ---- */

static void work_destroy(struct request *request)
{
    struct cluster_work *work = (struct cluster_work *)request;
    dlg_cluster_free(work->view);
    dlg_cluster_free(work->cluster);
    dlg_rebalance_free(work->rebalance);
    dlg_error_free(work->error);
}

int cluster_work_new(dlg_client *client, int (*run)(struct cluster_work *), dlg_cluster_progress_fn report,
                     void *payload, struct cluster_work **work, dlg_error **error)
{
    int code = client_check(client, error);
    if (code != DLG_OK)
        return code;
    struct cluster_work *made = request_new(sizeof *made, REQUEST_CLUSTER);
    if (!made)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    made->request.bytes = sizeof *made;
    made->request.destroy = work_destroy;
    made->client = client;
    made->run = run;
    made->report = report;
    made->payload = payload;
    made->deadline_us = INT64_MAX;
    cluster_progress_clear(made);
    made->progress.phase = "connecting";
    *work = made;
    return DLG_OK;
}

int cluster_take_timeout(struct cluster_work *work, int64_t timeout_us, dlg_error **error)
{
    if (timeout_us < 0)
        return error_set(error, DLG_E_ARGUMENT, "a timeout is 0 (none) or positive, in microseconds");
    work->deadline_us = timeout_us ? clock_deadline(timeout_us) : INT64_MAX;
    return DLG_OK;
}

int cluster_take_host(struct cluster_work *work, const char *host, int32_t port, dlg_error **error)
{
    struct cluster_options *options = &work->options;
    if (!host || !*host || strlen(host) >= sizeof options->host)
        return error_set(error, DLG_E_ARGUMENT, "a node is named by its host, of 1 to %zu characters, and its port",
                         sizeof options->host - 1);
    if (port < 1 || port > 65535)
        return error_set(error, DLG_E_ARGUMENT, "a node's port is a number from 1 to 65535");
    snprintf(options->host, sizeof options->host, "%s", host);
    options->port = port;
    snprintf(options->port_text, sizeof options->port_text, "%d", (int)port);
    return DLG_OK;
}

int cluster_take_mode(struct cluster_work *work, dlg_transfer_mode mode, dlg_error **error)
{
    if (mode != DLG_TRANSFER_AUTO && mode != DLG_TRANSFER_FORCE_LOGICAL && mode != DLG_TRANSFER_BLOCK_WRITES)
        return error_set(error, DLG_E_ARGUMENT, "a transfer mode is one of DLG_TRANSFER_*");
    work->options.mode = mode;
    return DLG_OK;
}

int cluster_take_rebalance(struct cluster_work *work, const dlg_rebalance_options *options, dlg_error **error)
{
    const dlg_rebalance_options standard = DLG_REBALANCE_OPTIONS_INIT;
    options = options ? options : &standard;
    if (options->version != DLG_REBALANCE_OPTIONS_VERSION ||
        options->flags & ~(DLG_REBALANCE_DRY_RUN | DLG_REBALANCE_NO_WAIT))
        return error_set(error, DLG_E_ARGUMENT, "the options do not begin as DLG_REBALANCE_OPTIONS_INIT");
    if (options->strategy != DLG_BY_SHARD_COUNT && options->strategy != DLG_BY_DISK_SIZE)
        return error_set(error, DLG_E_ARGUMENT, "a strategy is DLG_BY_SHARD_COUNT or DLG_BY_DISK_SIZE");
    if (options->retries < -1)
        return error_set(error, DLG_E_ARGUMENT, "retries are -1 (as many as Citus makes), 0 or more");
    work->options.flags = options->flags;
    work->options.strategy = options->strategy;
    work->options.retries = options->retries;
    int code = cluster_take_mode(work, options->mode, error);
    return code == DLG_OK ? cluster_take_timeout(work, options->timeout_us, error) : code;
}

/* ---- Running ---- */

static int work_run(struct cluster_work *work)
{
    struct admin_place place;
    int code = admin_enter(&work->client->admin, &place, &work->error);
    if (code != DLG_OK)
        return code;
    code = work->run(work);
    PQfinish(work->watch);
    PQfinish(work->conn);
    work->watch = work->conn = NULL;
    if (code == DLG_OK) { /* what was tried on the way and did not matter */
        dlg_error_free(work->error);
        work->error = NULL;
    } else if (!work->error) {
        error_set(&work->error, code, "out of memory");
    }
    admin_leave(&place);
    return code;
}

int cluster_call(struct cluster_work *work, dlg_error **error)
{
    int code = engine_may_wait(&work->client->engine, error);
    if (code == DLG_OK)
        code = work_run(work);
    if (!work->error)
        return code;
    error_give(error, work->error);
    work->error = NULL;
    return code;
}

void cluster_release(struct cluster_work *work)
{
    request_release(&work->request);
}

static void job_run(struct job *job, bool cancelled)
{
    struct cluster_work *work = (struct cluster_work *)((char *)job - offsetof(struct cluster_work, job));
    if (cancelled)
        error_set(&work->error, DLG_E_CLOSED, "the client was closed before the work began");
    else
        work_run(work);
    engine_resume(&work->request);
}

static void work_done(struct request *request)
{
    struct cluster_work *work = (struct cluster_work *)request;
    dlg_error *error = work->error;
    work->error = NULL;
    request_complete(request, error);
}

static void work_start(struct request *request)
{
    struct cluster_work *work = (struct cluster_work *)request;
    work->job.run = job_run;
    request->step = work_done;
    engine_expect(request);
    if (workers_submit(work->client->admin.workers, &work->job))
        return;
    request->outstanding--;
    error_set(&work->error, DLG_E_OVERLOAD, "too much administrative work is waiting; try again later");
    work_done(request);
    request_release(request);
}

int cluster_post(struct cluster_work *work, dlg_callback callback, dlg_error **error)
{
    work->request.step = work_start;
    return engine_post(&work->client->engine, &work->request, ENGINE_NO_TIMEOUT, callback, work->payload, error);
}

/* ---- Results ---- */

const struct cluster_work *cluster_reply(const dlg_reply *reply)
{
    return (const struct cluster_work *)reply_as(reply, REQUEST_CLUSTER);
}

const dlg_cluster *dlg_reply_cluster(const dlg_reply *reply)
{
    const struct cluster_work *work = cluster_reply(reply);
    return work ? work->cluster : NULL;
}

const dlg_rebalance *dlg_reply_rebalance(const dlg_reply *reply)
{
    const struct cluster_work *work = cluster_reply(reply);
    return work ? work->rebalance : NULL;
}

int64_t dlg_reply_shard(const dlg_reply *reply)
{
    const struct cluster_work *work = cluster_reply(reply);
    return work ? work->shard : 0;
}
