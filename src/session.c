#include "session.h"

#include "address.h"
#include "clock.h"
#include "reach.h"
#include "retry.h"

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

/* Connection errors carry no SQLSTATE: the server's own refusals are told from the network's by their text. */
static bool refusal_is_final(PGconn *conn)
{
    static const char *const passing[] = {"starting up", "shutting down", "too many", "recovery",
                                          "remaining connection"};
    const char *text = PQerrorMessage(conn);
    if (PQconnectionNeedsPassword(conn))
        return true;
    if (!strstr(text, "FATAL"))
        return false;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strstr(text, passing[i]))
            return false;
    return true;
}

static PGconn *connect_once(const char *conninfo, const dlg_settings *settings)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)(settings->connect_timeout_ms + 1999) / 1000);
    const char *keywords[] = {"connect_timeout", "fallback_application_name", "client_encoding", "dbname", NULL};
    const char *values[] = {seconds, "libdialogs", "UTF8", conninfo, NULL};
    PGconn *conn = PQconnectdbParams(keywords, values, 1);
    if (conn)
        PQsetNoticeReceiver(conn, ignore_notice, NULL);
    return conn;
}

static void pause_us(int64_t us)
{
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

/* True: the descriptor can be read. */
static bool wait_readable(PGconn *conn, int64_t deadline_us)
{
    for (;;) {
        int64_t left = deadline_us - clock_monotonic_us();
        if (left <= 0)
            return false;
        struct pollfd descriptor = {.fd = PQsocket(conn), .events = POLLIN};
        int ms = left > 60000000 ? 60000 : (int)(left / 1000) + 1;
        int count = poll(&descriptor, 1, ms);
        if (count > 0 || (count < 0 && errno != EINTR))
            return true;
    }
}

PGconn *session_open(const char *conninfo, const dlg_settings *settings, int64_t deadline_us, dlg_error **error)
{
    for (unsigned attempt = 0;; attempt++) {
        PGconn *conn = connect_once(conninfo, settings);
        if (conn && PQstatus(conn) == CONNECTION_OK)
            return conn;
        int64_t pause = retry_pause_us(attempt);
        if (!conn || refusal_is_final(conn) || clock_monotonic_us() + pause >= deadline_us) {
            error_set_sql(error, DLG_E_UNAVAILABLE, NULL, "", conn ? PQerrorMessage(conn) : "out of memory");
            PQfinish(conn);
            return NULL;
        }
        PQfinish(conn);
        pause_us(pause);
    }
}

/* ---- Waiting ---- */

enum { SLICE_US = 100000, TICK_US = 300000, GRACE_US = 5000000 };

struct wait {
    PGconn *conn;
    const struct session_patience *patience;
    int64_t tick_at_us;
    int ended;          /* why, DLG_OK: not yet */
    int64_t give_up_us; /* after the end: for the server to take notice */
    bool given_up;      /* it did not */
    dlg_error *error;
};

/* Through a connection of its own: PQcancel() would wait for a server that is silent. */
static void cancel(PGconn *conn)
{
    char pid[16];
    const char *values[] = {pid};
    struct session_patience patience = {.deadline_us = clock_monotonic_us() + GRACE_US};
    char *conninfo = address_same(conn);
    struct reach other = {.conninfo = conninfo};
    if (!conninfo)
        return;
    snprintf(pid, sizeof pid, "%d", PQbackendPID(conn));
    reach_all(&other, 1, patience.deadline_us);
    if (reach_succeeded(&other) &&
        PQsendQueryParams(other.conn, "SELECT pg_catalog.pg_cancel_backend($1)", 1, NULL, values, NULL, NULL, 0))
        wait_readable(other.conn, patience.deadline_us);
    reach_close(&other, 1);
    free(conninfo);
}

static int patience_end(struct wait *wait, int64_t now_us)
{
    const struct session_patience *patience = wait->patience;
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

PGresult *session_run(PGconn *conn, const char *sql, int64_t deadline_us, dlg_error **error)
{
    struct session_patience patience = {.deadline_us = deadline_us};
    struct wait wait = {.conn = conn, .patience = &patience};
    return finish(&wait, PQsendQuery(conn, sql), error);
}

PGresult *session_query(PGconn *conn, const char *sql, int count, const char *const *values,
                        const struct session_patience *patience, dlg_error **error)
{
    struct wait wait = {.conn = conn, .patience = patience};
    return finish(&wait, PQsendQueryParams(conn, sql, count, NULL, values, NULL, NULL, 0), error);
}
