/* rebalance_tracker.c - follows a rebalance that Citus makes in the background, by asking for its status. */
#include "cluster/rebalance.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_US = 400000, STOP_PAUSE_US = 200000, STOP_LIMIT_US = 60000000, CLEAN_ATTEMPTS = 10 };

/* ---- Reading the status ---- */

static struct rebalance_move *move_of_task(const dlg_rebalance *rebalance, int64_t task)
{
    for (size_t i = 0; i < rebalance->count; i++)
        if (rebalance->moves[i].task == task)
            return (struct rebalance_move *)(uintptr_t)&rebalance->moves[i];
    return NULL;
}

static void done_read(dlg_rebalance *rebalance, const char *text)
{
    json_t *tasks = json_loads(text, 0, NULL), *task;
    size_t index;
    json_array_foreach(tasks, index, task)
    {
        struct rebalance_move *move = move_of_task(rebalance, json_integer_value(task));
        if (move)
            move->done = true;
    }
    json_decref(tasks);
    rebalance->info.moves_done = 0;
    rebalance->info.bytes_done = 0;
    for (size_t i = 0; i < rebalance->count; i++) {
        rebalance->info.moves_done += rebalance->moves[i].done;
        rebalance->info.bytes_done += rebalance->moves[i].done ? rebalance->moves[i].move.bytes : 0;
    }
}

/* "ERROR: could not ...\nCONTEXT: while executing command on ...\nCitus Background Task Queue Executor: ...\n" */
static void message_take(struct tracker *tracker, const char *text)
{
    static const char context[] = "CONTEXT: ";
    const size_t context_length = sizeof context - 1;
    const char *end = strstr(text, "Citus Background Task");
    size_t length = end ? (size_t)(end - text) : strlen(text);
    if (end && length >= context_length && strncmp(end - context_length, context, context_length) == 0)
        length -= context_length;
    if (strncmp(text, "ERROR: ", 7) == 0) {
        text += 7;
        length -= 7;
    }
    snprintf(tracker->message, sizeof tracker->message, "%.*s", (int)length, text);
    for (char *at = tracker->message; *at; at++)
        *at = *at == '\n' || *at == '\t' ? ' ' : *at;
    for (size_t last = strlen(tracker->message); last && tracker->message[last - 1] == ' '; last--)
        tracker->message[last - 1] = '\0';
}

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* One task that runs, or waits for another attempt. The first is what is shown. */
static void task_read(struct cluster_work *work, struct tracker *tracker, const json_t *task)
{
    const json_t *hosts = json_object_get(task, "hosts"), *size = json_object_get(task, "size");
    const char *phase = text_in(task, "phase"), *source = text_in(hosts, "source"), *target = text_in(hosts, "target");
    uint64_t copied = (uint64_t)json_integer_value(json_object_get(size, "target"));
    const struct rebalance_move *move =
        move_of_task(tracker->rebalance, json_integer_value(json_object_get(task, "task_id")));
    if (move && move->done)
        return; /* since the status was asked */
    uint64_t most = move ? move->move.bytes : 0;
    tracker->bytes_under_way += copied < most ? copied : most;
    if (work->progress.shard)
        return;
    work->progress.shard = move ? move->move.shard : 0;
    work->progress.retries = (uint32_t)json_integer_value(json_object_get(task, "retried"));
    tracker->failing = !*phase;
    snprintf(tracker->phase, sizeof tracker->phase, "%s", *phase ? phase : "waiting to try again");
    snprintf(tracker->source, sizeof tracker->source, "%s", *source || !move ? source : move->source);
    snprintf(tracker->target, sizeof tracker->target, "%s", *target || !move ? target : move->target);
    message_take(tracker, text_in(task, "message"));
}

static void status_read(struct cluster_work *work, struct tracker *tracker, const PGresult *result)
{
    json_t *details = json_loads(field_text(result, 0, 1), 0, NULL), *task;
    size_t index;
    tracker->state = job_state_of(field_text(result, 0, 0));
    tracker->failing = false;
    tracker->bytes_under_way = 0;
    *tracker->source = *tracker->target = *tracker->message = '\0';
    snprintf(tracker->phase, sizeof tracker->phase, "%s", dlg_job_state_name(tracker->state));
    work->progress.shard = 0;
    work->progress.retries = 0;
    json_array_foreach(json_object_get(details, "tasks"), index, task) task_read(work, tracker, task);
    json_decref(details);
}

static void progress_make(struct cluster_work *work, const struct tracker *tracker)
{
    const dlg_rebalance_info *info = &tracker->rebalance->info;
    work->progress.phase = tracker->phase;
    work->progress.source = tracker->source;
    work->progress.target = tracker->target;
    work->progress.message = tracker->message;
    work->progress.moves_done = info->moves_done;
    work->progress.moves_total = info->moves_total;
    work->progress.bytes_done = info->bytes_done + tracker->bytes_under_way;
    work->progress.bytes_total = info->bytes_total;
}

static const char status_sql[] = "SELECT state, details FROM citus_job_status($1, true)";

/* The same from the coordinator's own tables: sizes are asked of the nodes, one of which may be down. */
static const char brief_sql[] =
    "SELECT state, json_build_object('tasks', (SELECT coalesce(json_agg(json_build_object('task_id', task_id, "
    "'retried', "
    "retry_count, 'message', message)), '[]') FROM pg_dist_background_task WHERE job_id = $1 AND retry_count > 0 AND "
    "status IN ('running', 'runnable'))) FROM pg_dist_background_job WHERE job_id = $1";

/* By itself, after the status: that is newer than the snapshot of the statement which asks for it. */
static const char done_sql[] = "SELECT coalesce(json_agg(task_id), '[]') FROM pg_dist_background_task WHERE job_id = "
                               "$1 AND status = 'done'";

static bool is_unreachable(const struct cluster_work *work, const PGresult *result)
{
    return !result && dlg_error_code(work->error) == DLG_E_UNAVAILABLE;
}

/* The connection may be lost while hours go by, or a node; the rebalance goes on at the servers, and so do we. */
static PGresult *patiently_ask(struct cluster_work *work, const char *sql, const char *otherwise,
                               const char *const *job)
{
    PGresult *result = cluster_query(work, work->conn, sql, 1, job);
    if (is_unreachable(work, result) && (PQstatus(work->conn) == CONNECTION_OK || cluster_reconnect(work) == DLG_OK))
        result = cluster_query(work, work->conn, otherwise, 1, job);
    return result;
}

static void status_take(struct cluster_work *work, struct tracker *tracker, const PGresult *status,
                        const PGresult *done)
{
    dlg_rebalance_info *info = &tracker->rebalance->info;
    uint32_t before = info->moves_done;
    done_read(tracker->rebalance, field_text(done, 0, 0));
    status_read(work, tracker, status);
    info->state = tracker->state;
    progress_make(work, tracker);
    if (info->moves_done != before)
        cluster_refresh(work);
}

int tracker_poll(struct cluster_work *work, struct tracker *tracker)
{
    char number[24];
    const char *job[] = {number};
    snprintf(number, sizeof number, "%lld", (long long)tracker->job);
    PGresult *status = patiently_ask(work, status_sql, brief_sql, job);
    PGresult *done = status ? patiently_ask(work, done_sql, done_sql, job) : NULL;
    int code = done ? DLG_OK : dlg_error_code(work->error);
    if (done && PQntuples(status) > 0)
        status_take(work, tracker, status, done);
    else if (done)
        code = cluster_fail(work, DLG_E_DATABASE, "Citus has forgotten job %lld", (long long)tracker->job);
    PQclear(status);
    PQclear(done);
    return code;
}

/* ---- Stopping ---- */

static bool leftovers_remain(struct cluster_work *work)
{
    PGresult *result = work->conn ? session_run(work->conn, "SELECT FROM pg_catalog.pg_dist_cleanup LIMIT 1",
                                                clock_monotonic_us() + STOP_LIMIT_US, NULL)
                                  : NULL;
    bool remain = result && PQntuples(result) > 0;
    PQclear(result);
    return remain;
}

/* What belongs to a move that is just ending is passed over, so this may take more than one attempt. */
void rebalance_clean(struct cluster_work *work)
{
    for (int i = 0; i < CLEAN_ATTEMPTS; i++) {
        cluster_attempt(work, "CALL citus_cleanup_orphaned_resources()", 0, NULL);
        if (!leftovers_remain(work))
            return;
        admin_pause(&work->client->admin, STOP_PAUSE_US);
    }
}

static bool job_has_stopped(struct cluster_work *work, struct tracker *tracker)
{
    dlg_error *before = work->error; /* why it is stopped stays the error */
    work->error = NULL;
    int64_t deadline_us = work->deadline_us;
    work->deadline_us = INT64_MAX;
    bool known = tracker_poll(work, tracker) == DLG_OK;
    work->deadline_us = deadline_us;
    dlg_error_free(work->error);
    work->error = before;
    return !known || !job_is_under_way(tracker->state);
}

void tracker_stop(struct cluster_work *work, struct tracker *tracker)
{
    int64_t limit_us = clock_monotonic_us() + STOP_LIMIT_US;
    work->progress.phase = "stopping";
    cluster_attempt(work, "SELECT citus_rebalance_stop()", 0, NULL);
    while (!job_has_stopped(work, tracker) && clock_monotonic_us() < limit_us &&
           !atomic_load(&work->client->admin.stop))
        admin_pause(&work->client->admin, STOP_PAUSE_US);
    rebalance_clean(work);
    cluster_refresh(work);
}

/* ---- Following ---- */

#define DONE(tracker) (tracker)->rebalance->info.moves_done, (tracker)->rebalance->info.moves_total

/* Citus keeps the text of a failure, without the code that PostgreSQL gave it. */
static const char *sqlstate_of(const char *message)
{
    bool full = strstr(message, "No space left on device") || strstr(message, "Disk quota exceeded");
    return full ? "53100" : "";
}

/* Ends the rebalance and says why; stopping asks for the state again, so what is said of it is put down before. */
static int move_failed(struct cluster_work *work, struct tracker *tracker)
{
    char text[2 * CLUSTER_TEXT + 2 * ADDRESS_SIZE];
    unsigned long tries = work->progress.retries + (tracker->state == DLG_JOB_FAILED ? 1ul : 0ul);
    const char *sqlstate = sqlstate_of(tracker->message);
    int length = snprintf(text, sizeof text, "shard %lld could not be moved from %s to %s, tried %lu time%s: %s",
                          (long long)work->progress.shard, tracker->source, tracker->target, tries,
                          tries == 1 ? "" : "s", tracker->message);
    if (job_is_under_way(tracker->state))
        tracker_stop(work, tracker);
    else
        rebalance_clean(work);
    snprintf(text + length, sizeof text - (size_t)length,
             "; the rebalance has ended, %u of %u moves are done and stay; %s, then start it again", DONE(tracker),
             *sqlstate ? "make room on the disks of these two, the target's first" : "repair that");
    return error_set_sql(&work->error, DLG_E_DATABASE, sqlstate, "", text);
}

/* DLG_OK while, or when, all is well. */
static int state_judge(struct cluster_work *work, struct tracker *tracker)
{
    int32_t retries = work->options.retries;
    if (tracker->state == DLG_JOB_CANCELLED)
        return cluster_fail(work, DLG_E_CANCELLED,
                            "the rebalance was stopped by somebody else; %u of %u moves are done and stay",
                            DONE(tracker));
    bool given_up = tracker->failing && retries >= 0 && work->progress.retries > (uint32_t)retries;
    return tracker->state == DLG_JOB_FAILED || given_up ? move_failed(work, tracker) : DLG_OK;
}

/* Not the rebalance's fault: the caller wants no more, or no longer. */
static int follow_end(struct cluster_work *work, struct tracker *tracker, int code)
{
    char text[CLUSTER_TEXT];
    if (code == DLG_E_CANCELLED) {
        tracker_stop(work, tracker);
        return cluster_fail(work, code, "the rebalance was stopped; %u of %u moves are done and stay", DONE(tracker));
    }
    snprintf(text, sizeof text, "%s", dlg_error_message(work->error));
    return cluster_fail(work, code, "%s; the rebalance goes on at the servers (`dlgctl cluster wait`)", text);
}

int tracker_follow(struct cluster_work *work, struct tracker *tracker)
{
    for (;;) {
        int code = cluster_report(work);
        if (code == DLG_OK && !job_is_under_way(tracker->state))
            return state_judge(work, tracker);
        if (code != DLG_OK)
            return follow_end(work, tracker, code);
        code = state_judge(work, tracker);
        if (code != DLG_OK)
            return code;
        admin_pause(&work->client->admin, PAUSE_US);
        code = tracker_poll(work, tracker);
        if (code != DLG_OK)
            return follow_end(work, tracker, code);
    }
}
