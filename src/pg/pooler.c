#include "pg/pooler.h"

#include "pg/admin_connection.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

dlg_error *pooler_error(const dlg_error *why)
{
    dlg_error *error = NULL;
    char text[512];
    snprintf(text, sizeof text,
             "the session does not stay ours%s%s: a pooler such as pgbouncer lends it to others after each transaction "
             "or statement, and prepared statements do not survive that; set pool_mode=session for this database",
             why ? ", " : "", why ? dlg_error_message(why) : "");
    error_set_sql(&error, DLG_E_STATE, dlg_error_sqlstate(why), "", text);
    return error;
}

enum { SESSION_SIZE = 64, ROUNDS = 8 };

/* Which process of which server answers. */
static int session_ask(PGconn *conn, const char *before, char session[SESSION_SIZE], const struct patience *patience,
                       dlg_error **error)
{
    char sql[160];
    snprintf(sql, sizeof sql, "%sSELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_postmaster_start_time()", before);
    PGresult *result = admin_connection_run(conn, sql, patience, error);
    if (!result)
        return DLG_E_DATABASE;
    snprintf(session, SESSION_SIZE, "%s %s", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
    PQclear(result);
    return DLG_OK;
}

/* The other holds a session in a transaction; ours must be the one it was, and none of the other's. */
static int session_compare(PGconn *conn, PGconn *other, const char *ours, const struct patience *patience,
                           dlg_error **error)
{
    char held[SESSION_SIZE], now[SESSION_SIZE];
    dlg_error *why = NULL;
    int code = session_ask(other, "BEGIN; ", held, patience, &why);
    if (code != DLG_OK && strcmp(dlg_error_sqlstate(why), "08P01") == 0) { /* statement mode admits no BEGIN */
        error_give(error, pooler_error(why));
        dlg_error_free(why);
        return DLG_E_STATE;
    }
    if (code != DLG_OK)
        return error_give(error, why);
    code = session_ask(conn, "", now, patience, error);
    if (code == DLG_OK && (strcmp(now, ours) != 0 || strcmp(held, ours) == 0))
        code = error_give(error, pooler_error(NULL));
    PQclear(admin_connection_run(other, "ROLLBACK", patience, NULL));
    return code;
}

int pooler_check(PGconn *conn, const char *conninfo, const dlg_settings *settings, const struct patience *patience,
                 dlg_error **error)
{
    char ours[SESSION_SIZE];
    int code = session_ask(conn, "", ours, patience, error);
    if (code != DLG_OK || atoi(ours) == PQbackendPID(conn))
        return code;
    PGconn *other = admin_connection_open(conninfo, settings, patience, error);
    if (!other)
        return DLG_E_UNAVAILABLE;
    for (int round = 0; round < ROUNDS && code == DLG_OK; round++)
        code = session_compare(conn, other, ours, patience, error);
    PQfinish(other);
    return code;
}
