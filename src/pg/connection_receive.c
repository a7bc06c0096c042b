#include "pg/connection_receive.h"

#include "base/clock.h"
#include "pg/answer.h"
#include "pg/connection_send.h"
#include "pg/pooler.h"
#include "pg/sqlstate.h"

#include <stdlib.h>
#include <string.h>

static dlg_error *result_error(const PGresult *result)
{
    dlg_error *error = NULL;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!detail || !*detail)
        detail = PQresultErrorMessage(result);
    error_set_sql(&error, DLG_E_DATABASE, sqlstate, "", *detail ? detail : "the server refused and gave no reason");
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

/* "cached plan must not change result type", which 0A000 alone does not tell; its text is translated, this is not. */
static bool is_plan_change(const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    return sqlstate && function && strcmp(sqlstate, "0A000") == 0 && strcmp(function, "RevalidateCachedQuery") == 0;
}

static void batch_fail(struct batch *batch, const PGresult *result, struct query *failed_query)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED || batch->error)
        return;
    batch->error = result_error(result);
    batch->plan_changed = is_plan_change(result);
    batch->failed_query = failed_query;
}

static void query_answer(struct connection *connection, struct query *query, dlg_error *error)
{
    batch_remove(query->batch, query);
    connection->in_flight--;
    query->error = error;
    connection->events->answered(connection, query);
}

static bool session_fits(const PGresult *result, int column)
{
    return PQgetlength(result, 0, column) == sizeof(int32_t) && PQgetlength(result, 0, column + 1) == sizeof(int64_t);
}

static struct server_session session_read(const PGresult *result, int column)
{
    return (struct server_session){.pid = get_int32(PQgetvalue(result, 0, column)),
                                   .started = get_int64(PQgetvalue(result, 0, column + 1))};
}

/*
 * The clock, whether it is a standby, whether Citus is there, the node's group or NULL, whether the session is our own,
 * which it is; the settings do not matter.
 */
static bool start_fits(const PGresult *result)
{
    return PQntuples(result) == 1 && PQnfields(result) >= 7 && PQgetlength(result, 0, 0) == sizeof(int64_t) &&
           PQgetlength(result, 0, 1) == 1 && PQgetlength(result, 0, 2) == 1 &&
           (PQgetisnull(result, 0, 3) || PQgetlength(result, 0, 3) == sizeof(int32_t)) &&
           PQgetlength(result, 0, 4) == 1 && session_fits(result, 5);
}

static void start_fail(struct connection *connection, const PGresult *result)
{
    dlg_error *error = NULL;
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!detail)
        detail = PQresultStatus(result) == PGRES_FATAL_ERROR
                     ? PQresultErrorMessage(result) /* libpq's own */
                     : "the server answers the first question with other columns; is it PostgreSQL?";
    error_set_sql(&error, DLG_E_UNAVAILABLE, PQresultErrorField(result, PG_DIAG_SQLSTATE),
                  "the session cannot be set up", detail);
    connection_break(connection, error);
}

/* The server (14 and later) tells each session with the next answer after its configuration has changed. */
static bool reads_only(const struct connection *connection)
{
    const char *value = PQparameterStatus(connection->conn, "default_transaction_read_only");
    return value && strcmp(value, "on") == 0;
}

/* The primary moves away from here. A role that only reads is no sign of that: its sessions begin so. */
static bool has_become_read_only(const struct connection *connection)
{
    return connection->state == CONN_READY && !connection->began_read_only && reads_only(connection);
}

static void on_start(struct connection *connection, const PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK || !start_fits(result)) {
        start_fail(connection, result);
        return;
    }
    connection->server_us = timestamp_to_us(get_int64(PQgetvalue(result, 0, 0)));
    connection->is_standby = *PQgetvalue(result, 0, 1) != 0;
    connection->began_read_only = reads_only(connection);
    connection->is_citus = *PQgetvalue(result, 0, 2) != 0;
    connection->group = PQgetisnull(result, 0, 3) ? -1 : get_int32(PQgetvalue(result, 0, 3));
    connection->is_pooled = *PQgetvalue(result, 0, 4) == 0;
    connection->session = session_read(result, 5);
}

/* Another session than before: the pooler gives us one for each transaction. */
static void on_probe(struct connection *connection, const PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 || !session_fits(result, 0)) {
        start_fail(connection, result);
        return;
    }
    struct server_session session = session_read(result, 0);
    if (!server_session_equal(&session, &connection->session))
        connection_break(connection, pooler_error(NULL));
}

/* Of a batch behind a pooler. */
static void on_settings(struct connection *connection, const PGresult *result)
{
    if (result_good(result))
        on_probe(connection, result);
    else
        batch_fail(STAILQ_FIRST(&connection->batches), result, NULL);
}

static void on_prepare(struct connection *connection, const struct expected *expected, const PGresult *result)
{
    if (result_good(result))
        return;
    struct batch *batch = STAILQ_FIRST(&connection->batches);
    bool aborted = PQresultStatus(result) == PGRES_PIPELINE_ABORTED;
    batch_fail(batch, result, NULL);
    prepared_remove(&connection->prepared, &expected->preparation);
    if (!aborted)
        batch->unprepared = expected->preparation;
}

/* What was written may be stored all the same: it is sent again, and found by its id. */
static void on_misfit(struct connection *connection, struct query *query)
{
    if (query->statement->writes)
        connection_break(connection, answer_misfit_error(query->statement));
    else
        query_answer(connection, query, answer_misfit_error(query->statement));
}

/* Takes the result over. */
static void on_query(struct connection *connection, struct query *query, PGresult *result)
{
    struct batch *batch = STAILQ_FIRST(&connection->batches);
    if (!result_good(result)) {
        batch_fail(batch, result, query);
        PQclear(result);
        return;
    }
    if (!answer_fits(query->statement, false, result)) {
        PQclear(result);
        on_misfit(connection, query);
        return;
    }
    query->affected = strtoll(PQcmdTuples(result), NULL, 10);
    query->result = result;
    if (query->statement->stamps && query_rows(query))
        query->stamp_us = query_time(query, 0, 0);
    if (batch->form == BATCH_READS && !query->placement)
        query_answer(connection, query, NULL);
}

static int64_t number_at(const PGresult *result, int row, int column)
{
    bool is_number = PQgetlength(result, row, column) == sizeof(int64_t);
    return is_number ? get_int64(PQgetvalue(result, row, column)) : 0;
}

/* Rows are a shard, whether it is here, and on the first node the version of its row. */
static bool placement_is_among(const struct query *query, const PGresult *shards)
{
    for (int row = 0; row < PQntuples(shards); row++) {
        if (number_at(shards, row, 0) != query->placement || PQgetlength(shards, row, 1) != 1)
            continue;
        bool settled = PQnfields(shards) < 3 || number_at(shards, row, 2) == query->placement_row;
        return settled && (*PQgetvalue(shards, row, 1) || !query->here);
    }
    return false;
}

/* When it cannot be told, no such read is good. */
static void on_placed(struct batch *batch, const PGresult *result)
{
    struct query *query;
    TAILQ_FOREACH (query, &batch->queries, link)
        query->placement_verified = query->placement && placement_is_among(query, result);
}

/*
 * A multi-row statement returns the first parameter and the stamp of each row that it wrote, in their order: those not
 * among them were there already.
 */
static void on_rows(struct connection *connection, struct batch *batch, const PGresult *result)
{
    if (!result_good(result)) {
        batch_fail(batch, result, NULL);
        return;
    }
    const struct statement *statement = TAILQ_FIRST(&batch->queries)->statement;
    if (!answer_fits(statement, true, result)) {
        connection_break(connection, answer_misfit_error(statement));
        return;
    }
    int row = 0;
    struct query *query;
    TAILQ_FOREACH (query, &batch->queries, link) {
        bool written = row < PQntuples(result) && PQgetlength(result, row, 0) == query->lengths[0] &&
                       memcmp(PQgetvalue(result, row, 0), query->values[0], (size_t)query->lengths[0]) == 0;
        query->affected = written;
        query->stamp_us = written ? timestamp_to_us(get_int64(PQgetvalue(result, row, 1))) : 0;
        row += written;
    }
}

static bool needs(const struct query *query, const struct preparation *preparation)
{
    return query->statement == preparation->statement && query->shard == preparation->shard;
}

/* The server is done with the batch, one way or the other. */
static void batch_finish(struct connection *connection, struct batch *batch)
{
    STAILQ_REMOVE_HEAD(&connection->batches, link);
    const dlg_error *error = batch->error;
    struct query *query;
    while ((query = TAILQ_FIRST(&batch->queries))) {
        bool own = query == batch->failed_query || needs(query, &batch->unprepared);
        if (!error || own) {
            query_answer(connection, query, error_copy(error));
            continue;
        }
        query_clear(query);
        batch_remove(batch, query);
        connection->in_flight--;
        /* Without a failed_query, any of them may be it. */
        connection->events->returned(connection, query,
                                     batch->failed_query || batch->unprepared.statement ? NULL : error);
    }
    batch_free(batch);
}

/* The server lacks a prepared statement that we made, or has one that we did not make. */
static bool session_was_swapped(const dlg_error *error)
{
    return error && (is_state(error, "26000") || is_state(error, "42P05"));
}

/* Prepared statements that the server no longer has, or whose result has changed: a new session is the cure. */
static bool session_is_stale(const struct batch *batch)
{
    return batch->error && (session_was_swapped(batch->error) || batch->plan_changed);
}

enum { PROBES = 8 };

/* Behind a pooler, asks several times which session it is: other clients of the pooler may run in between. */
static bool session_probe(struct connection *connection)
{
    static const char sql[] = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_postmaster_start_time()";
    if (!connection->is_pooled || connection->probes == PROBES)
        return false;
    connection->probes++;
    connection_ask(connection, sql, EXPECT_PROBE);
    return true;
}

static void on_started(struct connection *connection)
{
    if (!connection->server_us) {
        connection_break(connection, connection_error(connection, "the session cannot be set up"));
        return;
    }
    if (session_probe(connection))
        return;
    connection->state = CONN_READY;
    connection->events->ready(connection);
}

static void on_sync(struct connection *connection, struct batch *batch)
{
    if (!batch && connection->state == CONN_READY)
        return; /* a ROLLBACK is done */
    if (!batch) {
        on_started(connection);
        return;
    }
    dlg_error *stale = session_is_stale(batch) ? error_copy(batch->error) : NULL;
    if (!stale) {
        bool open = batch->error && batch->form == BATCH_BLOCK;
        batch_finish(connection, batch);
        if (open) /* the COMMIT was skipped */
            connection_ask(connection, "ROLLBACK", EXPECT_ROLLBACK);
        return;
    }
    if (connection->is_pooled && session_was_swapped(stale)) {
        connection_break(connection, pooler_error(stale));
        dlg_error_free(stale);
        return;
    }
    stale->code = DLG_E_UNAVAILABLE; /* no fault of any query */
    connection_break(connection, stale);
}

/* The commit that a Sync makes can fail too; the Sync's own answer follows the error. */
static bool is_failed_commit(struct connection *connection, const PGresult *result)
{
    const struct expected *expected = expected_first(&connection->expected);
    if (expected->kind != EXPECT_SYNC || PQresultStatus(result) == PGRES_PIPELINE_SYNC)
        return false;
    struct batch *batch = expected->batch;
    if (batch)
        batch_fail(batch, result, batch->count == 1 ? TAILQ_FIRST(&batch->queries) : NULL);
    return true;
}

/* What no server sends that counts its answers as we do: some proxies do not know pipelines. */
static bool is_out_of_turn(const struct expected *expected, ExecStatusType status)
{
    if (status == PGRES_FATAL_ERROR)
        return false;
    if (expected->kind == EXPECT_SYNC)
        return status != PGRES_PIPELINE_SYNC;
    return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_ABORTED;
}

static void break_out_of_turn(struct connection *connection, const char *what)
{
    dlg_error *error = NULL;
    error_set(&error, DLG_E_UNAVAILABLE,
              "the server broke the protocol (%s out of turn); is there a proxy that does not know pipelines?", what);
    connection_break(connection, error);
}

/* libpq puts an end between the results of two statements; more in a row mean that it waits for nothing more. */
enum { SILENT_MOST = 4 };

static void on_result(struct connection *connection, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (connection->expected.count == 0 || is_out_of_turn(expected_first(&connection->expected), status)) {
        PQclear(result);
        break_out_of_turn(connection, PQresStatus(status));
        return;
    }
    if (is_failed_commit(connection, result)) {
        PQclear(result);
        return;
    }
    struct expected expected = expected_pop(&connection->expected);
    if (expected.kind == EXPECT_QUERY) {
        on_query(connection, expected.query, result);
        return;
    }
    switch (expected.kind) {
    case EXPECT_START:
        on_start(connection, result);
        break;
    case EXPECT_PROBE:
        on_probe(connection, result);
        break;
    case EXPECT_PREPARE:
        on_prepare(connection, &expected, result);
        break;
    case EXPECT_ROWS:
        on_rows(connection, expected.batch, result);
        break;
    case EXPECT_PLACEMENT:
        on_placed(expected.batch, result);
        break;
    case EXPECT_ROLLBACK:
        break;
    case EXPECT_SETTINGS:
        on_settings(connection, result);
        break;
    case EXPECT_BEGIN:
    case EXPECT_COMMIT:
        if (!result_good(result))
            batch_fail(STAILQ_FIRST(&connection->batches), result, NULL);
        break;
    default:
        on_sync(connection, expected.batch);
    }
    PQclear(result);
}

/* In the server's own words, when it had some: libpq only knows that the connection was closed. */
static dlg_error *loss_error(const struct connection *connection)
{
    const struct batch *batch = STAILQ_FIRST(&connection->batches);
    const dlg_error *last = batch ? batch->error : NULL;
    if (!last || !error_is_transient(last))
        return connection_error(connection, "connection lost");
    dlg_error *error = NULL;
    error_set_sql(&error, DLG_E_UNAVAILABLE, last->sqlstate, "connection lost", last->message);
    return error;
}

/* Takes the next result. False: there is none any more. */
static bool result_take(struct connection *connection, int *silent)
{
    PGresult *result = PQgetResult(connection->conn);
    if (result) {
        *silent = 0;
        on_result(connection, result);
        return connection->state != CONN_CLOSED;
    }
    if (connection->expected.count == 0)
        return false;
    if (++*silent > SILENT_MOST)
        break_out_of_turn(connection, "the end");
    return connection->state != CONN_CLOSED;
}

/* Also when nothing is expected: then libpq takes news of the server out of its buffer. */
static void results_take(struct connection *connection)
{
    int silent = 0;
    while (PQstatus(connection->conn) != CONNECTION_BAD && !PQisBusy(connection->conn))
        if (!result_take(connection, &silent))
            return;
}

static void break_read_only(struct connection *connection)
{
    dlg_error *error = NULL;
    error_set(&error, DLG_E_UNAVAILABLE, "the server has become read-only (default_transaction_read_only)");
    connection_break(connection, error);
}

void connection_receive(struct connection *connection)
{
    if (!PQconsumeInput(connection->conn)) {
        connection_break(connection, loss_error(connection));
        return;
    }
    connection->progress_us = clock_monotonic_us();
    results_take(connection);
    if (connection->state == CONN_CLOSED)
        return; /* the owner, a stale session or an answer out of turn broke it */
    if (PQstatus(connection->conn) == CONNECTION_BAD)
        connection_break(connection, loss_error(connection));
    else if (has_become_read_only(connection))
        break_read_only(connection);
    else if (connection->wants_write)
        connection_flush(connection);
}
