#include "pg/admin_connection.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "pg/multi_connect.h"
#include "pg/node_address.h"
#include "pg/refusal.h"
#include "pg/session.h"
#include "pg/sqlstate.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void ignore_notice(void *nothing, const PGresult *result)
{
    (void)nothing;
    (void)result;
}

/* True: the descriptor is ready. */
static bool wait_ready(PGconn *conn, short events, int64_t deadline_us)
{
    for (;;) {
        int64_t left = deadline_us - clock_monotonic_us();
        if (left <= 0)
            return false;
        struct pollfd descriptor = {.fd = PQsocket(conn), .events = events};
        int ms = left > 60000000 ? 60000 : (int)(left / 1000) + 1;
        int count = poll(&descriptor, 1, ms);
        if (count > 0 || (count < 0 && errno != EINTR))
            return true;
    }
}

static bool wait_readable(PGconn *conn, int64_t deadline_us)
{
    return wait_ready(conn, POLLIN, deadline_us);
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
static void session_set(struct attempt *attempt, int64_t timeout_ms, int64_t deadline_us)
{
    char sql[768];
    connect_limit(attempt->conn, timeout_ms);
    snprintf(
        sql, sizeof sql,
        "SELECT CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %d "
        "THEN pg_catalog.concat(pg_catalog.set_config('jit', 'off', false), " SESSION_CLIENT_CHECK("false") ") END",
        PQbackendPID(attempt->conn));
    PQclear(admin_connection_run(attempt->conn, sql, deadline_us, &attempt->error));
}

/* A parameter that the server reports (14 and later). */
static bool is_on(PGconn *conn, const char *parameter)
{
    const char *value = PQparameterStatus(conn, parameter);
    return value && strcmp(value, "on") == 0;
}

static void attempt_finish(struct attempt *attempt, const struct host_list *hosts, int64_t timeout_ms,
                           int64_t deadline_us)
{
    struct connect_attempt target = {.conn = attempt->conn};
    multi_connect_wait(&target, 1, deadline_us);
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
        session_set(attempt, timeout_ms, deadline_us);
    }
}

/* Leaves a connection, or an error. */
static void attempt_connect(struct attempt *attempt, const char *conninfo, struct host_list *hosts, int64_t timeout_ms,
                            int64_t deadline_us)
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
        attempt_finish(attempt, hosts, timeout_ms, deadline_us);
    }
}

static void pause_us(int64_t us)
{
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
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

PGconn *admin_connection_open(const char *conninfo, const dlg_settings *settings, int64_t deadline_us,
                              dlg_error **error)
{
    struct host_list hosts = {0};
    struct attempt attempt;
    dlg_error *why = NULL;
    size_t refusals = 0; /* one after the other; when every host refuses, another round would end the same way */
    for (unsigned attempts = 1;; attempts++) {
        attempt = (struct attempt){0};
        int64_t give_up_us = clock_deadline(settings->connect_timeout_ms * 1000);
        attempt_connect(&attempt, conninfo, &hosts, settings->timeout_ms,
                        give_up_us < deadline_us ? give_up_us : deadline_us);
        if (!attempt.error)
            break;
        refusals = dlg_error_retriable(attempt.error) ? 0 : refusals + 1;
        attempt_end(&attempt, &why);
        int64_t pause = pause_after(attempts, &hosts);
        if (refusals == host_list_count(&hosts) || clock_monotonic_us() + pause >= deadline_us)
            break;
        host_list_next(&hosts);
        pause_us(pause);
    }
    host_list_free(&hosts);
    if (!attempt.conn) {
        error_give(error, why);
        return NULL;
    }
    dlg_error_free(why);
    PQsetErrorVerbosity(attempt.conn, PQERRORS_DEFAULT);
    return attempt.conn;
}

/* ---- Waiting ---- */

enum { SLICE_US = 100000, TICK_US = 300000, GRACE_US = 5000000 };

struct wait {
    PGconn *conn;
    const struct admin_patience *patience;
    int64_t tick_at_us;
    int ended;          /* why, DLG_OK: not yet */
    int64_t give_up_us; /* after the end: for the server to take notice */
    bool given_up;      /* it did not */
    dlg_error *error;
};

/*
 * Through a connection of its own: PQcancel() would wait for a server that is silent. Behind a pooler the greeting
 * names a process of the pooler's, and what has its number on the server may be anybody's.
 */
static void cancel(PGconn *conn)
{
    static const char sql[] = "SELECT CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) $2::integer "
                              "THEN pg_catalog.pg_cancel_backend($1::integer) END";
    char process[16], own[16];
    const char *values[] = {process, own};
    struct admin_patience patience = {.deadline_us = clock_monotonic_us() + GRACE_US};
    char *conninfo = node_address_same(conn);
    struct connect_attempt other = {.conninfo = conninfo};
    if (!conninfo)
        return;
    multi_connect_all(&other, 1, patience.deadline_us);
    snprintf(process, sizeof process, "%d", PQbackendPID(conn));
    snprintf(own, sizeof own, "%d", PQbackendPID(other.conn));
    if (multi_connect_succeeded(&other) && PQsendQueryParams(other.conn, sql, 2, NULL, values, NULL, NULL, 0))
        wait_readable(other.conn, patience.deadline_us);
    multi_connect_close(&other, 1);
    free(conninfo);
}

static int patience_end(struct wait *wait, int64_t now_us)
{
    const struct admin_patience *patience = wait->patience;
    if (patience->stop && atomic_load(patience->stop))
        return error_set(&wait->error, DLG_E_CLOSED, "the client was closed before the work was done");
    if (now_us >= patience->deadline_us)
        return error_set(&wait->error, DLG_E_TIMEOUT, "the deadline passed before the database was done");
    if (!patience->tick || now_us < wait->tick_at_us)
        return DLG_OK;
    int code = patience->tick(patience->payload, &wait->error);
    wait->tick_at_us = clock_monotonic_us() + TICK_US;
    return code;
}

/* Waits for something to read, at most for a while. */
static void wait_on(struct wait *wait)
{
    int64_t now_us = clock_monotonic_us();
    wait->given_up = wait->ended && now_us >= wait->give_up_us;
    if (wait->given_up)
        return;
    if (!wait->ended && (wait->ended = patience_end(wait, now_us)) != DLG_OK) {
        cancel(wait->conn);
        wait->give_up_us = clock_monotonic_us() + GRACE_US;
    }
    bool eager = wait->patience->stop || wait->patience->tick;
    int64_t until_us = wait->ended ? wait->give_up_us : wait->patience->deadline_us;
    now_us = clock_monotonic_us();
    wait_readable(wait->conn, eager && until_us > now_us + SLICE_US ? now_us + SLICE_US : until_us);
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

PGresult *admin_connection_run(PGconn *conn, const char *sql, int64_t deadline_us, dlg_error **error)
{
    struct admin_patience patience = {.deadline_us = deadline_us};
    struct wait wait = {.conn = conn, .patience = &patience};
    return finish(&wait, PQsendQuery(conn, sql), error);
}

PGresult *admin_connection_query(PGconn *conn, const char *sql, int count, const char *const *values,
                                 const struct admin_patience *patience, dlg_error **error)
{
    struct wait wait = {.conn = conn, .patience = patience};
    return finish(&wait, PQsendQueryParams(conn, sql, count, NULL, values, NULL, NULL, 0), error);
}
