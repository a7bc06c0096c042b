#include "client/schema.h"

#include "base/sql.h"

#include <stdlib.h>

/* What the server refuses here is a matter of the tables or of rights, unless it passes. */
static int run(PGconn *conn, const char *sql, int64_t deadline_us, PGresult **result, dlg_error **error)
{
    dlg_error *why = NULL;
    *result = admin_connection_run(conn, sql, deadline_us, &why);
    if (*result)
        return DLG_OK;
    if ((why->code != DLG_E_DATABASE && why->code != DLG_E_SCHEMA) || why->retriable)
        return error_give(error, why);
    int code = error_set_sql(error, DLG_E_SCHEMA, why->sqlstate, "the tables cannot be installed", why->message);
    dlg_error_free(why);
    return code;
}

static int number_read(PGconn *conn, const char *sql, int64_t deadline_us, int *number, dlg_error **error)
{
    PGresult *result;
    int code = run(conn, sql, deadline_us, &result, error);
    if (code != DLG_OK)
        return code;
    *number = atoi(PQgetvalue(result, 0, 0));
    PQclear(result);
    return DLG_OK;
}

/* 0: not there. */
static int version_read(PGconn *conn, int64_t deadline_us, int *version, dlg_error **error)
{
    int code = number_read(conn, "SELECT (to_regclass('public.dlg_schema') IS NOT NULL)::integer", deadline_us, version,
                           error);
    if (code != DLG_OK || *version == 0)
        return code;
    return number_read(conn, "SELECT coalesce(max(version), 0) FROM public.dlg_schema", deadline_us, version, error);
}

static int refuse(int version, dlg_error **error)
{
    if (version > SCHEMA_VERSION)
        return error_set(error, DLG_E_SCHEMA,
                         "the tables have version %d and this library knows up to %d: upgrade the library", version,
                         SCHEMA_VERSION);
    return error_set(error, DLG_E_SCHEMA,
                     version ? "the tables have an older version: run dlgctl init"
                             : "the tables are missing: run dlgctl init");
}

static int feed_missing(PGconn *conn, int64_t deadline_us, int *missing, dlg_error **error)
{
    return number_read(conn,
                       "SELECT 2 - count(*) FROM pg_catalog.pg_index WHERE indisvalid AND indexrelid IN "
                       "(to_regclass('public.ix_dialogs_feed_from'), to_regclass('public.ix_dialogs_feed_to'))",
                       deadline_us, missing, error);
}

int schema_check(PGconn *conn, bool feed, int64_t deadline_us, int *version, dlg_error **error)
{
    int found, missing = 0;
    int code = version_read(conn, deadline_us, &found, error);
    if (code != DLG_OK)
        return code;
    if (version)
        *version = found;
    if (found != SCHEMA_VERSION)
        return refuse(found, error);
    code = feed ? feed_missing(conn, deadline_us, &missing, error) : DLG_OK;
    if (code == DLG_OK && missing)
        return error_set(error, DLG_E_SCHEMA, "the indexes of feeds are missing: run dlgctl --set feed=on init");
    return code;
}

static int feed_install(PGconn *conn, int64_t deadline_us, dlg_error **error)
{
    int missing;
    PGresult *result = NULL;
    int code = feed_missing(conn, deadline_us, &missing, error);
    if (code == DLG_OK && missing)
        code = run(conn, sql_feed, deadline_us, &result, error);
    PQclear(result);
    return code;
}

int schema_install(PGconn *conn, bool feed, int64_t deadline_us, int *version, dlg_error **error)
{
    int found;
    PGresult *result = NULL;
    int code = version_read(conn, deadline_us, &found, error);
    if (code == DLG_OK && found > SCHEMA_VERSION)
        code = refuse(found, error);
    if (code == DLG_OK && found < SCHEMA_VERSION)
        code = run(conn, sql_schema, deadline_us, &result, error);
    PQclear(result);
    if (code == DLG_OK && feed)
        code = feed_install(conn, deadline_us, error);
    if (code == DLG_OK && version)
        *version = SCHEMA_VERSION;
    return code;
}
