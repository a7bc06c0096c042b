#include "cluster/rebalance_tracker.h"

#include "cluster/cluster_snapshot.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_US = 400000, STOP_PAUSE_US = 200000, STOP_LIMIT_US = 60000000, CLEAN_ATTEMPTS = 10 };

/* ---- Reading the status ---- */

static struct rebalance_move *move_of_task(const dlg_rebalance *rebalance, int64_t citus_task)
{
    for (size_t i = 0; i < rebalance->count; i++)
        if (rebalance->moves[i].task == citus_task)
            return (struct rebalance_move *)(uintptr_t)&rebalance->moves[i];
    return NULL;
}

static void done_read(dlg_rebalance *rebalance, const char *text)
{
    json_t *tasks = json_loads(text, 0, NULL), *citus_task;
    size_t index;
    json_array_foreach(tasks, index, citus_task)
    {
        struct rebalance_move *move = move_of_task(rebalance, json_integer_value(citus_task));
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

/* One citus_task that runs, or waits for another attempt. The first is what is shown. */
static void task_read(struct cluster_task *task, struct tracker *tracker, const json_t *citus_task)
{
    const json_t *hosts = json_object_get(citus_task, "hosts"), *size = json_object_get(citus_task, "size");
    const char *phase = text_in(citus_task, "phase"), *source = text_in(hosts, "source"),
               *target = text_in(hosts, "target");
    uint64_t copied = (uint64_t)json_integer_value(json_object_get(size, "target"));
    const struct rebalance_move *move =
        move_of_task(tracker->rebalance, json_integer_value(json_object_get(citus_task, "task_id")));
    if (move && move->done)
        return; /* since the status was asked */
    uint64_t most = move ? move->move.bytes : 0;
    tracker->bytes_under_way += copied < most ? copied : most;
    if (task->progress.shard)
        return;
    task->progress.shard = move ? move->move.shard : 0;
    task->progress.retries = (uint32_t)json_integer_value(json_object_get(citus_task, "retried"));
    tracker->failing = !*phase;
    snprintf(tracker->phase, sizeof tracker->phase, "%s", *phase ? phase : "waiting to try again");
    snprintf(tracker->source, sizeof tracker->source, "%s", *source || !move ? source : move->source);
    snprintf(tracker->target, sizeof tracker->target, "%s", *target || !move ? target : move->target);
    message_take(tracker, text_in(citus_task, "message"));
}

static void status_read(struct cluster_task *task, struct tracker *tracker, const PGresult *result)
{
    json_t *details = json_loads(field_text(result, 0, 1), 0, NULL), *citus_task;
    size_t index;
    tracker->state = job_state_of(field_text(result, 0, 0));
    tracker->failing = false;
    tracker->bytes_under_way = 0;
    *tracker->source = *tracker->target = *tracker->message = '\0';
    snprintf(tracker->phase, sizeof tracker->phase, "%s", dlg_job_state_name(tracker->state));
    task->progress.shard = 0;
    task->progress.retries = 0;
    json_array_foreach(json_object_get(details, "tasks"), index, citus_task) task_read(task, tracker, citus_task);
    json_decref(details);
}

static void progress_make(struct cluster_task *task, const struct tracker *tracker)
{
    const dlg_rebalance_info *info = &tracker->rebalance->info;
    task->progress.phase = tracker->phase;
    task->progress.source = tracker->source;
    task->progress.target = tracker->target;
    task->progress.message = tracker->message;
    task->progress.moves_done = info->moves_done;
    task->progress.moves_total = info->moves_total;
    task->progress.bytes_done = info->bytes_done + tracker->bytes_under_way;
    task->progress.bytes_total = info->bytes_total;
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

static bool is_unreachable(const struct cluster_task *task, const PGresult *result)
{
    return !result && dlg_error_code(task->error) == DLG_E_UNAVAILABLE;
}

/* The connection may be lost while hours go by, or a node; the rebalance goes on at the servers, and so do we. */
static PGresult *patiently_ask(struct cluster_task *task, const char *sql, const char *otherwise,
                               const char *const *job)
{
    PGresult *result = cluster_query(task, task->conn, sql, 1, job);
    if (is_unreachable(task, result) && (PQstatus(task->conn) == CONNECTION_OK || cluster_reconnect(task) == DLG_OK))
        result = cluster_query(task, task->conn, otherwise, 1, job);
    return result;
}

static void status_take(struct cluster_task *task, struct tracker *tracker, const PGresult *status,
                        const PGresult *done)
{
    dlg_rebalance_info *info = &tracker->rebalance->info;
    uint32_t before = info->moves_done;
    done_read(tracker->rebalance, field_text(done, 0, 0));
    status_read(task, tracker, status);
    info->state = tracker->state;
    progress_make(task, tracker);
    if (info->moves_done != before)
        cluster_refresh(task);
}

int tracker_poll(struct cluster_task *task, struct tracker *tracker)
{
    char number[24];
    const char *job[] = {number};
    snprintf(number, sizeof number, "%lld", (long long)tracker->job);
    PGresult *status = patiently_ask(task, status_sql, brief_sql, job);
    PGresult *done = status ? patiently_ask(task, done_sql, done_sql, job) : NULL;
    int code = done ? DLG_OK : dlg_error_code(task->error);
    if (done && PQntuples(status) > 0)
        status_take(task, tracker, status, done);
    else if (done)
        code = cluster_fail(task, DLG_E_DATABASE, "Citus has forgotten job %lld", (long long)tracker->job);
    PQclear(status);
    PQclear(done);
    return code;
}

/* ---- Stopping ---- */

static bool leftovers_remain(struct cluster_task *task)
{
    static const char sql[] = "SELECT FROM pg_catalog.pg_dist_cleanup LIMIT 1";
    const struct patience patience = {.deadline_us = clock_monotonic_us() + STOP_LIMIT_US};
    PGresult *result = task->conn ? admin_connection_run(task->conn, sql, &patience, NULL) : NULL;
    bool remain = result && PQntuples(result) > 0;
    PQclear(result);
    return remain;
}

/* What belongs to a move that is just ending is passed over, so this may take more than one attempt. */
void rebalance_clean(struct cluster_task *task)
{
    for (int i = 0; i < CLEAN_ATTEMPTS; i++) {
        cluster_attempt(task, "CALL citus_cleanup_orphaned_resources()", 0, NULL);
        if (!leftovers_remain(task))
            return;
        admin_pause(&task->client->admin, STOP_PAUSE_US);
    }
}

static bool job_has_stopped(struct cluster_task *task, struct tracker *tracker)
{
    dlg_error *before = task->error; /* why it is stopped stays the error */
    task->error = NULL;
    int64_t deadline_us = task->deadline_us;
    task->deadline_us = INT64_MAX;
    bool known = tracker_poll(task, tracker) == DLG_OK;
    task->deadline_us = deadline_us;
    dlg_error_free(task->error);
    task->error = before;
    return !known || !job_is_under_way(tracker->state);
}

void tracker_stop(struct cluster_task *task, struct tracker *tracker)
{
    int64_t limit_us = clock_monotonic_us() + STOP_LIMIT_US;
    task->progress.phase = "stopping";
    cluster_attempt(task, "SELECT citus_rebalance_stop()", 0, NULL);
    while (!job_has_stopped(task, tracker) && clock_monotonic_us() < limit_us &&
           !atomic_load(&task->client->admin.stop))
        admin_pause(&task->client->admin, STOP_PAUSE_US);
    rebalance_clean(task);
    cluster_refresh(task);
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
static int move_failed(struct cluster_task *task, struct tracker *tracker)
{
    char text[2 * CLUSTER_TEXT + 2 * NODE_ADDRESS_SIZE];
    unsigned long tries = task->progress.retries + (tracker->state == DLG_JOB_STATE_FAILED ? 1ul : 0ul);
    const char *sqlstate = sqlstate_of(tracker->message);
    int length = snprintf(text, sizeof text, "shard %lld could not be moved from %s to %s, tried %lu time%s: %s",
                          (long long)task->progress.shard, tracker->source, tracker->target, tries,
                          tries == 1 ? "" : "s", tracker->message);
    if (job_is_under_way(tracker->state))
        tracker_stop(task, tracker);
    else
        rebalance_clean(task);
    snprintf(text + length, sizeof text - (size_t)length,
             "; the rebalance has ended, %u of %u moves are done and stay; %s, then start it again", DONE(tracker),
             *sqlstate ? "make room on the disks of these two, the target's first" : "repair that");
    return error_set_sql(&task->error, DLG_E_DATABASE, sqlstate, "", text);
}

/* DLG_OK while, or when, all is well. */
static int state_judge(struct cluster_task *task, struct tracker *tracker)
{
    int32_t retries = task->options.retries;
    if (tracker->state == DLG_JOB_STATE_CANCELLED)
        return cluster_fail(task, DLG_E_CANCELLED,
                            "the rebalance was stopped by somebody else; %u of %u moves are done and stay",
                            DONE(tracker));
    bool given_up = tracker->failing && retries >= 0 && task->progress.retries > (uint32_t)retries;
    return tracker->state == DLG_JOB_STATE_FAILED || given_up ? move_failed(task, tracker) : DLG_OK;
}

/* Not the rebalance's fault: the caller wants no more, or no longer. */
static int follow_end(struct cluster_task *task, struct tracker *tracker, int code)
{
    char text[CLUSTER_TEXT];
    if (code == DLG_E_CANCELLED) {
        tracker_stop(task, tracker);
        return cluster_fail(task, code, "the rebalance was stopped; %u of %u moves are done and stay", DONE(tracker));
    }
    snprintf(text, sizeof text, "%s", dlg_error_message(task->error));
    return cluster_fail(task, code, "%s; the rebalance goes on at the servers (`dlgctl cluster wait`)", text);
}

int tracker_follow(struct cluster_task *task, struct tracker *tracker)
{
    for (;;) {
        int code = cluster_report(task);
        if (code == DLG_OK && !job_is_under_way(tracker->state))
            return state_judge(task, tracker);
        if (code != DLG_OK)
            return follow_end(task, tracker, code);
        code = state_judge(task, tracker);
        if (code != DLG_OK)
            return code;
        admin_pause(&task->client->admin, PAUSE_US);
        code = tracker_poll(task, tracker);
        if (code != DLG_OK)
            return follow_end(task, tracker, code);
    }
}

int tracker_open(struct cluster_task *task, struct tracker *tracker, int64_t job)
{
    *tracker = (struct tracker){.job = job, .state = DLG_JOB_STATE_SCHEDULED};
    int code = rebalance_read(task, job, &tracker->rebalance);
    if (code != DLG_OK)
        return code;
    tracker->rebalance->info.job = job;
    return tracker_poll(task, tracker);
}
