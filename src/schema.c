#include "schema.h"

#include "sql.h"

#include <stdlib.h>
#include <string.h>

/* 0: not there. */
static int version_read(PGconn *conn, int64_t deadline_us, int *version, dlg_error **error)
{
    *version = 0;
    PGresult *result = session_run(conn, "SELECT to_regclass('public.dlg_schema') IS NOT NULL", deadline_us, error);
    if (!result)
        return DLG_E_SCHEMA;
    bool there = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    if (!there)
        return DLG_OK;
    result = session_run(conn, "SELECT coalesce(max(version), 0) FROM public.dlg_schema", deadline_us, error);
    if (!result)
        return DLG_E_SCHEMA;
    *version = atoi(PQgetvalue(result, 0, 0));
    PQclear(result);
    return DLG_OK;
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
    if (version_read(conn, deadline_us, &found, error) != DLG_OK)
        return error ? dlg_error_code(*error) : DLG_E_SCHEMA;
    if (version)
        *version = found;
    return found == SCHEMA_VERSION ? DLG_OK : refuse(found, error);
}

int schema_install(PGconn *conn, int64_t deadline_us, int *version, dlg_error **error)
{
    int found;
    if (version_read(conn, deadline_us, &found, error) != DLG_OK)
        return error ? dlg_error_code(*error) : DLG_E_SCHEMA;
    if (found > SCHEMA_VERSION)
        return refuse(found, error);
    if (found < SCHEMA_VERSION) {
        PGresult *result = session_run(conn, sql_schema, deadline_us, error);
        if (!result)
            return error ? dlg_error_code(*error) : DLG_E_SCHEMA;
        PQclear(result);
    }
    if (version)
        *version = SCHEMA_VERSION;
    return DLG_OK;
}
