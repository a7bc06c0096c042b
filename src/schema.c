#include "schema.h"

#include "sql.h"

#include <stdlib.h>

/* What the server refuses here is a matter of the tables or of rights, unless it passes. */
static int run(PGconn *conn, const char *sql, int64_t deadline_us, PGresult **result, dlg_error **error)
{
    dlg_error *why = NULL;
    *result = session_run(conn, sql, deadline_us, &why);
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
        return error_set(error, DLG_E_SCHEMA, "the tables are of version %d, this library knows up to %d; upgrade it",
                         version, SCHEMA_VERSION);
    return error_set(error, DLG_E_SCHEMA,
                     version ? "the tables are of an older version; run dlgctl init"
                             : "the tables are not there; run dlgctl init");
}

int schema_check(PGconn *conn, int64_t deadline_us, int *version, dlg_error **error)
{
    int found;
    int code = version_read(conn, deadline_us, &found, error);
    if (code != DLG_OK)
        return code;
    if (version)
        *version = found;
    return found == SCHEMA_VERSION ? DLG_OK : refuse(found, error);
}

int schema_install(PGconn *conn, int64_t deadline_us, int *version, dlg_error **error)
{
    int found;
    PGresult *result = NULL;
    int code = version_read(conn, deadline_us, &found, error);
    if (code == DLG_OK && found > SCHEMA_VERSION)
        code = refuse(found, error);
    if (code == DLG_OK && found < SCHEMA_VERSION)
        code = run(conn, sql_schema, deadline_us, &result, error);
    PQclear(result);
    if (code == DLG_OK && version)
        *version = SCHEMA_VERSION;
    return code;
}
