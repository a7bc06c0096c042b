#include "client/schema.h"

#include "client/migrations.h"

#include <stdlib.h>

static int feed_missing(PGconn *conn, const struct patience *patience, int *missing, dlg_error **error)
{
    static const char sql[] =
        "SELECT 2 OPERATOR(pg_catalog.-) pg_catalog.count(*) FROM pg_catalog.pg_index WHERE indisvalid AND indexrelid "
        "OPERATOR(pg_catalog.=) ANY (ARRAY[pg_catalog.to_regclass('public.ix_dialogs_feed_from')::oid, "
        "pg_catalog.to_regclass('public.ix_dialogs_feed_to')::oid])";
    PGresult *result = admin_connection_run(conn, sql, patience, error);
    if (!result)
        return DLG_E_DATABASE;
    *missing = atoi(PQgetvalue(result, 0, 0));
    PQclear(result);
    return DLG_OK;
}

int schema_check(PGconn *conn, bool feed, const struct patience *patience, int *version, dlg_error **error)
{
    int found, missing = 0;
    int code = migrations_version(conn, patience, &found, error);
    if (code != DLG_OK)
        return code;
    if (version)
        *version = found;
    if (found != sql_migration_count)
        return migrations_refuse(found, sql_migration_count, error);
    code = feed ? feed_missing(conn, patience, &missing, error) : DLG_OK;
    if (code == DLG_OK && missing)
        return error_set(error, DLG_E_SCHEMA, "the indexes of feeds are missing: run dlgctl --set feed=on init");
    return code;
}

static int feed_install(PGconn *conn, const struct patience *patience, dlg_error **error)
{
    static const struct sql_migration script = {"indexes of feeds", sql_feed, sql_feed, false};
    int missing;
    int code = feed_missing(conn, patience, &missing, error);
    return code == DLG_OK && missing ? migrations_run_script(conn, &script, patience, error) : code;
}

int schema_install(PGconn *conn, bool feed, const struct patience *patience, int *version, dlg_error **error)
{
    int code = migrations_apply(conn, sql_migrations, sql_migration_count, patience, error);
    if (code == DLG_OK && feed)
        code = feed_install(conn, patience, error);
    if (code == DLG_OK && version)
        *version = sql_migration_count;
    return code;
}
