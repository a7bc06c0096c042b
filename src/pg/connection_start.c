#include "pg/connection_start.h"

#include "base/trace.h"
#include "pg/connection_receive.h"
#include "pg/connection_send.h"
#include "pg/multi_connect.h"
#include "pg/refusal.h"

#include <stdatomic.h>

enum { START_SQL_SIZE = 2600 };

/* From here on: what came before has secrets. */
static void connection_trace(struct connection *connection)
{
    connection->trace = trace_stream(connection->number);
    if (!connection->trace)
        return;
    PQtrace(connection->conn, connection->trace);
    PQsetTraceFlags(connection->conn, PQTRACE_SUPPRESS_TIMESTAMPS);
}

static void connection_start(struct connection *connection)
{
    connection_trace(connection);
    PQsetErrorVerbosity(connection->conn, PQERRORS_DEFAULT);
    connect_limit(connection->conn, connection->unacknowledged_ms);
    connection->state = CONN_STARTING;
    connection->server_us = 0;
    connection->probes = 0;
    if (PQsetnonblocking(connection->conn, 1) != 0 || !PQenterPipelineMode(connection->conn)) {
        connection_break(connection, connection_error(connection, "the session cannot be set up"));
        return;
    }
    connection_watch(connection, true, false);
    char sql[START_SQL_SIZE];
    snprintf(sql, sizeof sql, "%s%d AS direct) AS own", connection->start_sql, PQbackendPID(connection->conn));
    connection_ask(connection, sql, EXPECT_START);
}

static void connection_refuse(struct connection *connection, dlg_error *why)
{
    connection->is_refused = !dlg_error_retriable(why);
    connection_break(connection, why);
}

static void connection_greeted(struct connection *connection)
{
    dlg_error *why = refusal_of_encoding(connection->conn);
    if (why)
        connection_refuse(connection, why);
    else
        connection_start(connection);
}

static void connection_poll(struct connection *connection)
{
    switch (PQconnectPoll(connection->conn)) {
    case PGRES_POLLING_READING:
        connection_watch(connection, true, false);
        break;
    case PGRES_POLLING_WRITING:
        connection_watch(connection, false, true);
        break;
    case PGRES_POLLING_OK:
        connection_greeted(connection);
        break;
    default:
        connection_refuse(connection, refusal_error(connection->conn));
    }
}

static void ignore_notice(void *nothing, const PGresult *result)
{
    (void)nothing;
    (void)result;
}

void connection_connect(struct connection *connection, PGconn *conn, const char *start_sql, int64_t deadline_us)
{
    static _Atomic unsigned numbers;
    connection->state = CONN_CONNECTING;
    connection->is_refused = false;
    connection->number = atomic_fetch_add(&numbers, 1) + 1;
    connection->start_sql = start_sql;
    connection->connect_deadline_us = deadline_us;
    connection->conn = conn;
    if (!connection->conn || PQstatus(connection->conn) == CONNECTION_BAD) {
        connection_refuse(connection, refusal_error(connection->conn));
        return;
    }
    refusal_expect(connection->conn);
    PQsetNoticeReceiver(connection->conn, ignore_notice, NULL);
    connection_watch(connection, false, true); /* as PQconnectPoll wants it first */
}

void connection_handle(struct connection *connection)
{
    if (connection->state == CONN_CONNECTING)
        connection_poll(connection);
    else if (connection->state != CONN_CLOSED)
        connection_receive(connection);
}
