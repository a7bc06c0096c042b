/* lane_receiver.c - takes the answers in the order of the steps, and gives each to its query. */
#include "pg/lane.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static dlg_error *result_error(const PGresult *result)
{
    dlg_error *error = NULL;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    error_set_sql(&error, DLG_E_DATABASE, sqlstate, "", detail ? detail : PQresultErrorMessage(result));
    return error;
}

static bool result_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static bool is_state(const dlg_error *error, const char *sqlstate)
{
    return strcmp(error->sqlstate, sqlstate) == 0;
}

static void segment_fail(struct segment *segment, const PGresult *result, struct query *culprit)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED || segment->error)
        return;
    segment->error = result_error(result);
    segment->culprit = culprit;
}

static void query_answer(struct lane *lane, struct query *query, dlg_error *error)
{
    segment_remove(query->segment, query);
    lane->in_flight--;
    query->error = error;
    lane->events->answered(lane, query);
}

static void on_start(struct lane *lane, const PGresult *result)
{
    lane->answered_wall_us = clock_wall_us();
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 || PQgetlength(result, 0, 0) != 8)
        return; /* the Sync that follows finds server_us unset */
    lane->server_us = timestamp_to_us(get_int64(PQgetvalue(result, 0, 0)));
    lane->read_only = *PQgetvalue(result, 0, 1) != 0;
    lane->is_citus = *PQgetvalue(result, 0, 2) != 0;
    lane->group = PQgetisnull(result, 0, 3) ? -1 : get_int32(PQgetvalue(result, 0, 3));
}

static void on_prepare(struct lane *lane, const struct step *step, const PGresult *result)
{
    if (result_good(result))
        return;
    struct segment *segment = STAILQ_FIRST(&lane->segments);
    bool aborted = PQresultStatus(result) == PGRES_PIPELINE_ABORTED;
    segment_fail(segment, result, NULL);
    prepared_remove(&lane->prepared, &step->preparation);
    if (!aborted)
        segment->unprepared = step->preparation;
}

/* Takes the result over. */
static void on_query(struct lane *lane, struct query *query, PGresult *result)
{
    struct segment *segment = STAILQ_FIRST(&lane->segments);
    if (!result_good(result)) {
        segment_fail(segment, result, query);
        PQclear(result);
        return;
    }
    query->affected = strtoll(PQcmdTuples(result), NULL, 10);
    query->result = result;
    if (segment->form == SEGMENT_READS && !query->shard)
        query_answer(lane, query, NULL);
}

static bool is_among(int64_t shard, const PGresult *shards)
{
    for (int row = 0; row < PQntuples(shards); row++)
        if (PQgetlength(shards, row, 0) == sizeof shard && get_int64(PQgetvalue(shards, row, 0)) == shard)
            return true;
    return false;
}

/* When it cannot be told, no direct read is good. */
static void on_placed(struct segment *segment, const PGresult *result)
{
    struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link)
        query->placed = query->shard && is_among(query->shard, result);
}

/*
 * A multi-row statement returns the first parameter of each row that it wrote, in their order: those not among them
 * were there already.
 */
static void on_rows(struct segment *segment, PGresult *result)
{
    if (!result_good(result)) {
        segment_fail(segment, result, NULL);
        return;
    }
    int row = 0;
    struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link) {
        bool written = row < PQntuples(result) && PQgetlength(result, row, 0) == query->lengths[0] &&
                       memcmp(PQgetvalue(result, row, 0), query->values[0], (size_t)query->lengths[0]) == 0;
        query->affected = written;
        row += written;
    }
}

static bool needs(const struct query *query, const struct preparation *preparation)
{
    return query->statement == preparation->statement && query->shard == preparation->shard;
}

/* The server is done with the segment, one way or the other. */
static void segment_finish(struct lane *lane, struct segment *segment)
{
    STAILQ_REMOVE_HEAD(&lane->segments, link);
    const dlg_error *error = segment->error;
    struct query *query;
    while ((query = TAILQ_FIRST(&segment->queries))) {
        bool own = query == segment->culprit || needs(query, &segment->unprepared);
        if (!error || own) {
            query_answer(lane, query, error_copy(error));
            continue;
        }
        query_clear(query);
        segment_remove(segment, query);
        lane->in_flight--;
        /* Without a culprit, any of them may be it. */
        lane->events->returned(lane, query, segment->culprit || segment->unprepared.statement ? NULL : error);
    }
    segment_free(segment);
}

/* Prepared statements that the server no longer has, or whose result has changed: a new session is the cure. */
static bool session_is_stale(const dlg_error *error)
{
    return error && (is_state(error, "26000") || is_state(error, "42P05") ||
                     (is_state(error, "0A000") && strstr(error->message, "cached plan")));
}

static void on_started(struct lane *lane)
{
    if (!lane->server_us) {
        lane_break(lane, lane_error(lane, "the session cannot be set up"));
        return;
    }
    lane->state = LANE_READY;
    lane->events->ready(lane);
}

static void on_sync(struct lane *lane, struct segment *segment)
{
    if (!segment && lane->state == LANE_READY)
        return; /* a ROLLBACK is done */
    if (!segment) {
        on_started(lane);
        return;
    }
    dlg_error *stale = session_is_stale(segment->error) ? error_copy(segment->error) : NULL;
    if (!stale) {
        bool open = segment->error && segment->form == SEGMENT_BLOCK;
        segment_finish(lane, segment);
        if (open) /* the COMMIT was skipped */
            lane_ask(lane, "ROLLBACK", STEP_ROLLBACK);
        return;
    }
    stale->code = DLG_E_UNAVAILABLE; /* no fault of any query */
    lane_break(lane, stale);
}

/* The commit that a Sync makes can fail too; the Sync's own answer follows the error. */
static bool is_failed_commit(struct lane *lane, const PGresult *result)
{
    const struct step *step = steps_first(&lane->steps);
    if (step->kind != STEP_SYNC || PQresultStatus(result) == PGRES_PIPELINE_SYNC)
        return false;
    struct segment *segment = step->segment;
    if (segment)
        segment_fail(segment, result, segment->count == 1 ? TAILQ_FIRST(&segment->queries) : NULL);
    return true;
}

static void on_result(struct lane *lane, PGresult *result)
{
    if (is_failed_commit(lane, result)) {
        PQclear(result);
        return;
    }
    struct step step = steps_pop(&lane->steps);
    if (step.kind == STEP_QUERY) {
        on_query(lane, step.query, result);
        return;
    }
    switch (step.kind) {
    case STEP_START:
        on_start(lane, result);
        break;
    case STEP_PREPARE:
        on_prepare(lane, &step, result);
        break;
    case STEP_ROWS:
        on_rows(step.segment, result);
        break;
    case STEP_PLACED:
        on_placed(step.segment, result);
        break;
    case STEP_ROLLBACK:
        break;
    case STEP_BEGIN:
    case STEP_COMMIT:
        if (!result_good(result))
            segment_fail(STAILQ_FIRST(&lane->segments), result, NULL);
        break;
    default:
        on_sync(lane, step.segment);
    }
    PQclear(result);
}

void lane_receive(struct lane *lane)
{
    if (!PQconsumeInput(lane->conn)) {
        lane_break(lane, lane_error(lane, "connection lost"));
        return;
    }
    lane->progress_us = clock_monotonic_us();
    while (lane->steps.count && PQstatus(lane->conn) != CONNECTION_BAD && !PQisBusy(lane->conn)) {
        PGresult *result = PQgetResult(lane->conn);
        if (result)
            on_result(lane, result);
        if (lane->state == LANE_CLOSED)
            return; /* the owner, or a stale session, broke it */
    }
    if (PQstatus(lane->conn) == CONNECTION_BAD)
        lane_break(lane, lane_error(lane, "connection lost"));
    else if (lane->wants_write)
        lane_flush(lane);
}
