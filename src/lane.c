#include "lane.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void lane_init(struct lane *lane, const struct lane_events *events, void *owner, bool writes)
{
    *lane = (struct lane){.events = events, .owner = owner, .writes = writes, .fd = -1, .watched = -1};
    STAILQ_INIT(&lane->segments);
}

static void lane_watch(struct lane *lane, bool readable, bool writable)
{
    lane->fd = PQsocket(lane->conn);
    lane->wants_write = writable;
    lane->events->watch(lane, lane->fd, readable, writable);
}

static dlg_error *connection_error(const struct lane *lane, const char *what)
{
    dlg_error *error = NULL;
    error_set_sql(&error, DLG_E_UNAVAILABLE, NULL, what, PQerrorMessage(lane->conn));
    return error;
}

/* ---- Steps: what is on its way ---- */

static bool step_push(struct lane *lane, struct step step)
{
    if (lane->step_count == lane->step_size) {
        size_t size = lane->step_size ? lane->step_size * 2 : 64;
        struct step *steps = malloc(size * sizeof *steps);
        if (!steps)
            return false;
        for (size_t i = 0; i < lane->step_count; i++)
            steps[i] = lane->steps[(lane->step_head + i) % lane->step_size];
        free(lane->steps);
        lane->steps = steps;
        lane->step_size = size;
        lane->step_head = 0;
    }
    lane->steps[(lane->step_head + lane->step_count++) % lane->step_size] = step;
    return true;
}

static struct step step_pop(struct lane *lane)
{
    struct step step = lane->steps[lane->step_head];
    lane->step_head = (lane->step_head + 1) % lane->step_size;
    lane->step_count--;
    return step;
}

/* ---- The end of a connection ---- */

static void segment_return(struct lane *lane, struct segment *segment, const dlg_error *why)
{
    struct query *query;
    while ((query = TAILQ_LAST(&segment->queries, query_list))) {
        segment_remove(segment, query);
        lane->in_flight--;
        query_clear(query);
        lane->events->returned(lane, query, why);
    }
    segment_free(segment);
}

static void lane_close(struct lane *lane)
{
    if (lane->fd >= 0)
        lane->events->watch(lane, -1, false, false);
    lane->fd = -1;
    PQfinish(lane->conn);
    lane->conn = NULL;
    lane->state = LANE_CLOSED;
    prepared_clear(&lane->prepared);
    lane->step_head = lane->step_count = 0;
}

void lane_break(struct lane *lane, dlg_error *why)
{
    lane_close(lane);
    struct segment *segment;
    while ((segment = STAILQ_FIRST(&lane->segments))) {
        STAILQ_REMOVE_HEAD(&lane->segments, link);
        struct query *query;
        TAILQ_FOREACH (query, &segment->queries, link)
            query->possibly_written |= query->statement->writes;
        segment_return(lane, segment, why);
    }
    lane->events->lost(lane, why);
}

void lane_free(struct lane *lane)
{
    if (lane->conn)
        lane_close(lane);
    free(lane->steps);
    free(lane->rows.bytes);
}

void lane_forget(const struct lane *lane)
{
    if (lane->fd >= 0)
        close(lane->fd);
}

/* ---- Sending ---- */

/* Puts one Sync after what was sent. libpq before 17 flushes with it. */
static bool send_sync(struct lane *lane, struct segment *segment)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    if (!PQsendPipelineSync(lane->conn))
        return false;
#else
    if (!PQpipelineSync(lane->conn))
        return false;
#endif
    return step_push(lane, (struct step){.kind = STEP_SYNC, .segment = segment});
}

/* Prepares it unless that was done; `name` is of what is prepared then. */
static bool send_prepare(struct lane *lane, const struct preparation *preparation, const char *name)
{
    if (prepared_has(&lane->prepared, preparation))
        return true;
    char sql[PREPARATION_SQL];
    const struct statement *statement = preparation->statement;
    return prepared_add(&lane->prepared, preparation) &&
           PQsendPrepare(lane->conn, name, preparation_sql(preparation, sql), statement->count,
                         preparation->rows ? statement->array_types : statement->types) &&
           step_push(lane, (struct step){.kind = STEP_PREPARE, .preparation = *preparation});
}

static const int all_binary[STATEMENT_PARAMETERS] = {1, 1, 1, 1, 1, 1, 1, 1};

static bool send_query(struct lane *lane, struct query *query)
{
    if (query->stamp)
        query->stamp(query);
    query->attempts++;
    char buffer[PREPARATION_NAME];
    struct preparation preparation = {query->statement, false, query->shard};
    const char *name = preparation_name(&preparation, buffer);
    return send_prepare(lane, &preparation, name) &&
           PQsendQueryPrepared(lane->conn, name, query->statement->count, query->values, query->lengths, all_binary,
                               1) &&
           step_push(lane, (struct step){.kind = STEP_QUERY, .query = query});
}

static bool send_rows(struct lane *lane, struct segment *segment)
{
    const struct statement *statement = TAILQ_FIRST(&segment->queries)->statement;
    struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link) {
        if (query->stamp)
            query->stamp(query);
        query->attempts++;
    }
    struct preparation preparation = {statement, true, 0};
    return rows_encode(&lane->rows, segment) && send_prepare(lane, &preparation, statement->rows_name) &&
           PQsendQueryPrepared(lane->conn, statement->rows_name, statement->count, lane->rows.values,
                               lane->rows.lengths, all_binary, 1) &&
           step_push(lane, (struct step){.kind = STEP_ROWS, .segment = segment});
}

static bool send_command(struct lane *lane, const char *sql, enum step_kind kind)
{
    return PQsendQueryParams(lane->conn, sql, 0, NULL, NULL, NULL, NULL, 1) &&
           step_push(lane, (struct step){.kind = kind});
}

/* Asks which of the shards that were read are here. */
static bool send_placed(struct lane *lane, struct segment *segment)
{
    struct preparation preparation = {statement_get(STATEMENT_PLACED), false, 0};
    const char *name = preparation.statement->name;
    return shards_encode(&lane->rows, segment) && send_prepare(lane, &preparation, name) &&
           PQsendQueryPrepared(lane->conn, name, 1, lane->rows.values, lane->rows.lengths, all_binary, 1) &&
           step_push(lane, (struct step){.kind = STEP_PLACED, .segment = segment});
}

static bool send_queries(struct lane *lane, struct segment *segment)
{
    struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link)
        if (!send_query(lane, query))
            return false;
    return true;
}

static bool send_block(struct lane *lane, struct segment *segment)
{
    return send_command(lane, "BEGIN", STEP_BEGIN) && send_queries(lane, segment) &&
           send_command(lane, "COMMIT", STEP_COMMIT);
}

static bool send_segment(struct lane *lane, struct segment *segment)
{
    bool sent = segment->form == SEGMENT_ROWS    ? send_rows(lane, segment)
                : segment->form == SEGMENT_BLOCK ? send_block(lane, segment)
                                                 : send_queries(lane, segment);
    if (sent && segment->direct)
        sent = send_placed(lane, segment);
    return sent && send_sync(lane, segment);
}

static void lane_flush(struct lane *lane)
{
    int left = PQflush(lane->conn);
    if (left < 0)
        lane_break(lane, connection_error(lane, "cannot send"));
    else if ((left > 0) != lane->wants_write)
        lane_watch(lane, true, left > 0);
}

void lane_send(struct lane *lane, struct segment *segment)
{
    if (lane->step_count == 0)
        lane->progress_us = clock_monotonic_us();
    STAILQ_INSERT_TAIL(&lane->segments, segment, link);
    lane->in_flight += segment->count;
    if (send_segment(lane, segment))
        lane_flush(lane);
    else
        lane_break(lane, connection_error(lane, "cannot send"));
}

/* ---- Receiving ---- */

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
        lane_break(lane, connection_error(lane, "the session cannot be set up"));
        return;
    }
    lane->state = LANE_READY;
    lane->events->ready(lane);
}

/* After an error the COMMIT of a block was skipped, and the block is still open. */
static void lane_rollback(struct lane *lane)
{
    if (send_command(lane, "ROLLBACK", STEP_ROLLBACK) && send_sync(lane, NULL))
        lane_flush(lane);
    else
        lane_break(lane, connection_error(lane, "cannot send"));
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
        if (open)
            lane_rollback(lane);
        return;
    }
    stale->code = DLG_E_UNAVAILABLE; /* no fault of any query */
    lane_break(lane, stale);
}

/* The commit that a Sync makes can fail too; the Sync's own answer follows the error. */
static bool is_failed_commit(struct lane *lane, const PGresult *result)
{
    const struct step *step = &lane->steps[lane->step_head];
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
    struct step step = step_pop(lane);
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

static void lane_receive(struct lane *lane)
{
    if (!PQconsumeInput(lane->conn)) {
        lane_break(lane, connection_error(lane, "connection lost"));
        return;
    }
    lane->progress_us = clock_monotonic_us();
    while (lane->step_count && PQstatus(lane->conn) != CONNECTION_BAD && !PQisBusy(lane->conn)) {
        PGresult *result = PQgetResult(lane->conn);
        if (result)
            on_result(lane, result);
        if (lane->state == LANE_CLOSED)
            return; /* the owner, or a stale session, broke it */
    }
    if (PQstatus(lane->conn) == CONNECTION_BAD)
        lane_break(lane, connection_error(lane, "connection lost"));
    else if (lane->wants_write)
        lane_flush(lane);
}

/* ---- Connecting ---- */

static void lane_start(struct lane *lane)
{
    lane->state = LANE_STARTING;
    lane->server_us = 0;
    lane->asked_wall_us = clock_wall_us();
    bool sent = PQsetnonblocking(lane->conn, 1) == 0 && PQenterPipelineMode(lane->conn) &&
                send_command(lane, lane->start_sql, STEP_START) && send_sync(lane, NULL);
    if (!sent) {
        lane_break(lane, connection_error(lane, "the session cannot be set up"));
        return;
    }
    lane_watch(lane, true, false);
    lane_flush(lane);
}

static void lane_poll(struct lane *lane)
{
    switch (PQconnectPoll(lane->conn)) {
    case PGRES_POLLING_READING:
        lane_watch(lane, true, false);
        break;
    case PGRES_POLLING_WRITING:
        lane_watch(lane, false, true);
        break;
    case PGRES_POLLING_OK:
        lane_start(lane);
        break;
    default:
        lane_break(lane, connection_error(lane, ""));
    }
}

static void ignore_notice(void *nothing, const PGresult *result)
{
    (void)nothing;
    (void)result;
}

void lane_connect(struct lane *lane, const char *const *keywords, const char *const *values, const char *start_sql,
                  int64_t deadline_us)
{
    lane->state = LANE_CONNECTING;
    lane->start_sql = start_sql;
    lane->connect_deadline_us = deadline_us;
    lane->conn = PQconnectStartParams(keywords, values, 1);
    if (!lane->conn || PQstatus(lane->conn) == CONNECTION_BAD) {
        lane_break(lane, connection_error(lane, ""));
        return;
    }
    PQsetNoticeReceiver(lane->conn, ignore_notice, NULL);
    lane_watch(lane, false, true); /* as PQconnectPoll wants it first */
}

void lane_handle(struct lane *lane)
{
    if (lane->state == LANE_CONNECTING)
        lane_poll(lane);
    else if (lane->state != LANE_CLOSED)
        lane_receive(lane);
}
