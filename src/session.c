#include "session.h"

#include "clock.h"
#include "retry.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
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

static void cancel(PGconn *conn)
{
    char reason[256];
    PGcancel *handle = PQgetCancel(conn);
    if (handle)
        PQcancel(handle, reason, sizeof reason);
    PQfreeCancel(handle);
}

static int run_error(PGconn *conn, PGresult *result, dlg_error **error)
{
    dlg_error *why = NULL;
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    int code = PQstatus(conn) == CONNECTION_OK ? DLG_E_DATABASE : DLG_E_UNAVAILABLE;
    error_set_sql(&why, code, PQresultErrorField(result, PG_DIAG_SQLSTATE), "",
                  primary ? primary : PQerrorMessage(conn));
    PQclear(result);
    error_classify(why);
    return error_give(error, why);
}

/* The last result of several; the first that failed wins. */
static PGresult *collect(PGconn *conn, int64_t deadline_us, bool *late)
{
    PGresult *last = NULL;
    for (;;) {
        while (PQisBusy(conn)) {
            if (!*late && !wait_readable(conn, deadline_us)) {
                *late = true;
                cancel(conn);
            }
            if (!PQconsumeInput(conn))
                break;
        }
        PGresult *result = PQgetResult(conn);
        if (!result)
            return last;
        bool failed = last && PQresultStatus(last) == PGRES_FATAL_ERROR;
        PQclear(failed ? result : last);
        last = failed ? last : result;
        if (PQresultStatus(last) == PGRES_COPY_IN || PQresultStatus(last) == PGRES_COPY_OUT)
            return last;
    }
}

PGresult *session_run(PGconn *conn, const char *sql, int64_t deadline_us, dlg_error **error)
{
    bool late = false;
    PGresult *result = PQsendQuery(conn, sql) ? collect(conn, deadline_us, &late) : NULL;
    ExecStatusType status = PQresultStatus(result);
    if (result && status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE)
        return result;
    if (late) {
        PQclear(result);
        error_set(error, DLG_E_TIMEOUT, "the deadline passed before the database was done");
    } else {
        run_error(conn, result, error);
    }
    return NULL;
}
