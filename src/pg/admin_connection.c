#include "pg/admin_connection.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "pg/multi_connect.h"
#include "pg/node_address.h"
#include "pg/refusal.h"
#include "pg/session.h"
#include "pg/sqlstate.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ignore_notice(void *nothing, const PGresult *result)
{
    (void)nothing;
    (void)result;
}

/* ---- Connecting ---- */

struct attempt {
    PGconn *conn;
    bool is_late; /* there was no answer: an earlier attempt may know more */
    dlg_error *error;
};

/* Nothing was even tried: the conninfo, or the service file, is no good. */
static bool is_senseless(const char *conninfo, PGconn *conn)
{
    return PQstatus(conn) == CONNECTION_BAD && PQsocket(conn) < 0 && PQping(conninfo) == PQPING_NO_ATTEMPT;
}

/*
 * Catalog queries are small, but their estimated costs need not be: compiled, they take seconds. Behind a pooler, whose
 * greeting names another process, the session may be lent to others and keeps its settings.
 */
static void session_set(struct attempt *attempt, int64_t timeout_ms, const struct patience *patience)
{
    char sql[768];
    connect_limit(attempt->conn, timeout_ms);
    snprintf(
        sql, sizeof sql,
        "SELECT CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %d "
        "THEN pg_catalog.concat(pg_catalog.set_config('jit', 'off', false), " SESSION_CLIENT_CHECK("false") ") END",
        PQbackendPID(attempt->conn));
    PQclear(admin_connection_run(attempt->conn, sql, patience, &attempt->error));
}

/* A parameter that the server reports (14 and later). */
static bool is_on(PGconn *conn, const char *parameter)
{
    const char *value = PQparameterStatus(conn, parameter);
    return value && strcmp(value, "on") == 0;
}

static void attempt_finish(struct attempt *attempt, const struct host_list *hosts, int64_t timeout_ms,
                           const struct patience *patience)
{
    struct connect_attempt target = {.conn = attempt->conn};
    multi_connect_wait(&target, 1, patience);
    if (multi_connect_is_pending(&target)) {
        error_set(&attempt->error, DLG_E_UNAVAILABLE, "the database did not answer in time");
        attempt->is_late = true;
    } else if (!multi_connect_succeeded(&target)) {
        attempt->error = refusal_error(attempt->conn);
    } else if ((attempt->error = refusal_of_encoding(attempt->conn))) {
        return;
    } else if (is_on(attempt->conn, "in_hot_standby")) {
        error_set(&attempt->error, DLG_E_UNAVAILABLE,
                  "the server is a standby and cannot take messages: name the primary in the conninfo");
    } else if (host_list_count(hosts) > 1 && is_on(attempt->conn, "default_transaction_read_only")) {
        error_set(&attempt->error, DLG_E_UNAVAILABLE,
                  "the server is read-only (default_transaction_read_only) and cannot take messages");
    } else {
        session_set(attempt, timeout_ms, patience);
    }
}

/* Leaves a connection, or an error. */
static void attempt_connect(struct attempt *attempt, const char *conninfo, struct host_list *hosts, int64_t timeout_ms,
                            const struct patience *patience)
{
    attempt->conn = connect_begin(conninfo, hosts, "libdialogs");
    if (!attempt->conn) {
        error_set(&attempt->error, DLG_E_MEMORY, "out of memory");
        return;
    }
    refusal_expect(attempt->conn);
    PQsetNoticeReceiver(attempt->conn, ignore_notice, NULL);
    if (is_senseless(conninfo, attempt->conn)) {
        error_set_sql(&attempt->error, DLG_E_ARGUMENT, NULL, "conninfo", PQerrorMessage(attempt->conn));
    } else if (PQstatus(attempt->conn) == CONNECTION_BAD) {
        attempt->error = refusal_error(attempt->conn);
    } else {
        attempt_finish(attempt, hosts, timeout_ms, patience);
    }
}

/* Between rounds through all hosts. */
static int64_t pause_after(unsigned attempts, const struct host_list *hosts)
{
    unsigned rounds = attempts / (unsigned)host_list_count(hosts);
    return attempts % host_list_count(hosts) ? 0 : backoff_us(rounds, BACKOFF_LEAST_US, BACKOFF_MOST_US);
}

/* Ends an attempt that failed; `why` becomes its error, or stays. */
static void attempt_end(struct attempt *attempt, dlg_error **why)
{
    PQfinish(attempt->conn);
    attempt->conn = NULL;
    if (*why && attempt->is_late)
        dlg_error_free(attempt->error);
    else
        error_give(why, attempt->error);
}

/* For one attempt. */
static struct patience attempt_patience(const struct patience *patience, const dlg_settings *settings)
{
    struct patience one = *patience;
    int64_t give_up_us = clock_deadline(settings->connect_timeout_ms * 1000);
    one.deadline_us = give_up_us < patience->deadline_us ? give_up_us : patience->deadline_us;
    return one;
}

/* Whether the next attempt would begin too late, or is not wanted. */
static bool is_too_late(const struct patience *patience, int64_t pause_us)
{
    return patience_is_stopped(patience) || clock_monotonic_us() + pause_us >= patience->deadline_us;
}

PGconn *admin_connection_open(const char *conninfo, const dlg_settings *settings, const struct patience *patience,
                              dlg_error **error)
{
    struct host_list hosts = {0};
    struct attempt attempt;
    dlg_error *why = NULL;
    size_t refusals = 0; /* one after the other; when every host refuses, another round would end the same way */
    for (unsigned attempts = 1;; attempts++) {
        attempt = (struct attempt){0};
        struct patience one = attempt_patience(patience, settings);
        attempt_connect(&attempt, conninfo, &hosts, settings->timeout_ms, &one);
        if (!attempt.error)
            break;
        refusals = dlg_error_retriable(attempt.error) ? 0 : refusals + 1;
        attempt_end(&attempt, &why);
        int64_t pause = pause_after(attempts, &hosts);
        if (refusals == host_list_count(&hosts) || is_too_late(patience, pause))
            break;
        host_list_next(&hosts);
        patience_pause(patience, pause);
    }
    host_list_free(&hosts);
    if (!attempt.conn) {
        if (patience_is_stopped(patience))
            error_set(&why, DLG_E_CLOSED, "the client was closed before it was connected");
        error_give(error, why);
        return NULL;
    }
    dlg_error_free(why);
    PQsetErrorVerbosity(attempt.conn, PQERRORS_DEFAULT);
    return attempt.conn;
}

/* ---- Waiting ---- */

enum { GRACE_US = 5000000 };

struct wait {
    PGconn *conn;
    struct patience_wait patience;
    int ended;          /* why, DLG_OK: not yet */
    int64_t give_up_us; /* after the end: for the server to take notice */
    bool given_up;      /* it did not */
    dlg_error *error;
};

/*
 * Through a connection of its own: PQcancel() would wait for a server that is silent. Behind a pooler the greeting
 * names a process of the pooler's, and what has its number on the server may be anybody's.
 */
static void cancel(PGconn *conn, int64_t grace_us)
{
    static const char sql[] = "SELECT CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) $2::integer "
                              "THEN pg_catalog.pg_cancel_backend($1::integer) END";
    char process[16], own[16];
    const char *values[] = {process, own};
    const struct patience patience = {.deadline_us = clock_monotonic_us() + grace_us};
    char *conninfo = node_address_same(conn);
    struct connect_attempt other = {.conninfo = conninfo};
    if (!conninfo)
        return;
    multi_connect_all(&other, 1, &patience);
    snprintf(process, sizeof process, "%d", PQbackendPID(conn));
    snprintf(own, sizeof own, "%d", PQbackendPID(other.conn));
    if (multi_connect_succeeded(&other) && PQsendQueryParams(other.conn, sql, 2, NULL, values, NULL, NULL, 0))
        patience_await(&patience, PQsocket(other.conn), POLLIN, NULL);
    multi_connect_close(&other, 1);
    free(conninfo);
}

/* Waits for something to read, at most for a while. */
static void wait_on(struct wait *wait)
{
    const struct patience *patience = wait->patience.patience;
    int64_t grace_us = patience->grace_us ? patience->grace_us : GRACE_US;
    wait->given_up = wait->ended && clock_monotonic_us() >= wait->give_up_us;
    if (wait->given_up)
        return;
    if (!wait->ended && (wait->ended = patience_end(&wait->patience, &wait->error)) != DLG_OK) {
        cancel(wait->conn, grace_us);
        wait->give_up_us = clock_monotonic_us() + grace_us;
    }
    patience_poll(&wait->patience, PQsocket(wait->conn), POLLIN,
                  wait->ended ? wait->give_up_us : patience->deadline_us);
}

static PGresult *next_result(struct wait *wait)
{
    while (!wait->given_up && PQisBusy(wait->conn)) {
        wait_on(wait);
        if (!PQconsumeInput(wait->conn))
            break;
    }
    return wait->given_up ? NULL : PQgetResult(wait->conn);
}

/* The last result of several; the first that failed wins. */
static PGresult *collect(struct wait *wait)
{
    PGresult *last = NULL, *result;
    while ((result = next_result(wait))) {
        bool failed = last && PQresultStatus(last) == PGRES_FATAL_ERROR;
        PQclear(failed ? result : last);
        last = failed ? last : result;
        if (PQresultStatus(last) == PGRES_COPY_IN || PQresultStatus(last) == PGRES_COPY_OUT)
            break;
    }
    return last;
}

/* ---- Outcome ---- */

/* "message (detail; hint)" */
static void server_text(PGconn *conn, const PGresult *result, char *text, size_t size)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    snprintf(text, size, "%s%s%s%s%s%s", primary ? primary : PQerrorMessage(conn), detail || hint ? " (" : "",
             detail ? detail : "", detail && hint ? "; " : "", hint ? hint : "", detail || hint ? ")" : "");
}

static int run_error(PGconn *conn, const PGresult *result, dlg_error **error)
{
    char text[1024];
    dlg_error *why = NULL;
    int code = PQstatus(conn) == CONNECTION_OK ? DLG_E_DATABASE : DLG_E_UNAVAILABLE;
    server_text(conn, result, text, sizeof text);
    error_set_sql(&why, code, PQresultErrorField(result, PG_DIAG_SQLSTATE), "", text);
    error_classify(&why);
    return error_give(error, why);
}

static PGresult *finish(struct wait *wait, bool sent, dlg_error **error)
{
    PGresult *result = sent ? collect(wait) : NULL;
    ExecStatusType status = PQresultStatus(result);
    if (result && !wait->given_up && status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE) {
        dlg_error_free(wait->error);
        return result;
    }
    if (wait->ended)
        error_give(error, wait->error);
    else
        run_error(wait->conn, result, error);
    PQclear(result);
    return NULL;
}

PGresult *admin_connection_run(PGconn *conn, const char *sql, const struct patience *patience, dlg_error **error)
{
    struct wait wait = {.conn = conn};
    patience_begin(&wait.patience, patience);
    return finish(&wait, PQsendQuery(conn, sql), error);
}

PGresult *admin_connection_query(PGconn *conn, const char *sql, int count, const char *const *values,
                                 const struct patience *patience, dlg_error **error)
{
    struct wait wait = {.conn = conn};
    patience_begin(&wait.patience, patience);
    wait.patience.tick_at_us = 0;
    return finish(&wait, PQsendQueryParams(conn, sql, count, NULL, values, NULL, NULL, 0), error);
}
