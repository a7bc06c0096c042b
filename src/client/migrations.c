#include "client/migrations.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A step that needs a table for itself waits for it at most LOCK_TIMEOUT, since whoever comes after it waits too. Then
 * it lets them pass for a while. Citus tells its workers of the limit only when it is told to.
 */
#define LOCK_TIMEOUT "500ms"
enum { PAUSE_LOCKED_US = 50000, PAUSE_BUSY_US = 1000000 };

/* What both kinds of steps begin with: no function or operator of somebody else's schema may stand in for ours. */
#define PINNED "search_path = pg_catalog, pg_temp"

/*
 * The lock is tried and never waited for: a session that waits has a snapshot, and CREATE INDEX CONCURRENTLY would wait
 * for that session in turn.
 */
#define TRY(function) "SELECT pg_catalog." function "(7235413108129617)::integer"

struct frame {
    const char *begin; /* ends with the lock: 1, or 0 when another process has it */
    const char *commit;
    const char *undo;
};

#define UNLOCK                                                                   \
    "SELECT pg_catalog.pg_advisory_unlock(7235413108129617); RESET search_path;" \
    "RESET statement_timeout; RESET lock_timeout"

static const struct frame transaction = {
    .begin =
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL citus.propagate_set_commands = 'local'; SET LOCAL " PINNED ";"
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '" LOCK_TIMEOUT
        "';" TRY("pg_try_advisory_xact_lock"),
    .commit = "COMMIT",
    .undo = "ROLLBACK",
};
static const struct frame alone = {
    .begin = "SET " PINNED "; SET statement_timeout = 0; SET lock_timeout = 0;" TRY("pg_try_advisory_lock"),
    .commit = UNLOCK,
    .undo = UNLOCK,
};

/* One attempt at one step. */
struct step_attempt {
    PGconn *conn;
    const struct sql_migration *step;
    int number; /* the version after it; 0: no migration */
    const struct patience *patience;
    dlg_error *error;
};

static int number_read(PGconn *conn, const char *sql, const struct patience *patience, int *number, dlg_error **error)
{
    dlg_error *why = NULL;
    PGresult *result = admin_connection_run(conn, sql, patience, &why);
    if (!result)
        return error_give(error, why);
    *number = PQntuples(result) ? atoi(PQgetvalue(result, 0, 0)) : 0;
    PQclear(result);
    return DLG_OK;
}

/*
 * The catalog is read as a table. to_regclass() may answer from the session's cache, and a session that has just been
 * given the lock may not have heard yet of what was committed before: only locking a relation makes it listen.
 */
static int version_read(PGconn *conn, const struct patience *patience, int *version, dlg_error **error)
{
    static const char exists[] = "SELECT pg_catalog.count(*) AS installed FROM pg_catalog.pg_class c "
                                 "JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace "
                                 "WHERE n.nspname OPERATOR(pg_catalog.=) 'public'::pg_catalog.name "
                                 "AND c.relname OPERATOR(pg_catalog.=) 'dlg_schema'::pg_catalog.name";
    int code = number_read(conn, exists, patience, version, error);
    if (code != DLG_OK || *version == 0)
        return code;
    return number_read(conn, "SELECT coalesce(pg_catalog.max(version), 0) FROM public.dlg_schema", patience, version,
                       error);
}

int migrations_version(PGconn *conn, const struct patience *patience, int *version, dlg_error **error)
{
    dlg_error *why = NULL;
    if (version_read(conn, patience, version, &why) != DLG_OK && strcmp(dlg_error_sqlstate(why), "42501") == 0) {
        int code = error_set_sql(error, DLG_E_DATABASE, "42501",
                                 "the version of the tables cannot be read (GRANT USAGE ON SCHEMA public and SELECT ON "
                                 "public.dlg_schema to this role)",
                                 dlg_error_message(why));
        dlg_error_free(why);
        return code;
    }
    return error_give(error, why);
}

int migrations_refuse(int version, int known, dlg_error **error)
{
    if (version > known)
        return error_set(error, DLG_E_SCHEMA,
                         "the tables have version %d and this library knows up to %d: upgrade the library", version,
                         known);
    if (version == 0)
        return error_set(error, DLG_E_SCHEMA, "the tables are missing: run dlgctl init");
    return error_set(error, DLG_E_SCHEMA, "the tables have version %d and this library needs %d: run dlgctl init",
                     version, known);
}

/*
 * What another role's table or view brings along, such as triggers, would run as the superuser who installs. That role
 * may have made it in advance. Tables of the database's owner and of superusers are nobody's trap.
 */
static int owners_check(PGconn *conn, const struct patience *patience, dlg_error **error)
{
    static const char sql[] =
        "SELECT c.relname, pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace "
        "JOIN pg_catalog.pg_roles owner ON owner.oid OPERATOR(pg_catalog.=) c.relowner "
        "JOIN pg_catalog.pg_roles own ON own.rolname OPERATOR(pg_catalog.=) current_user AND own.rolsuper "
        "JOIN pg_catalog.pg_database d ON d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() "
        "WHERE n.nspname OPERATOR(pg_catalog.=) 'public'::pg_catalog.name AND NOT owner.rolsuper "
        "AND owner.oid OPERATOR(pg_catalog.<>) d.datdba AND c.relname OPERATOR(pg_catalog.~) '^(dialogs$|dlg_)'";
    PGresult *result = admin_connection_run(conn, sql, patience, error);
    if (!result)
        return dlg_error_code(*error);
    int code = DLG_OK;
    if (PQntuples(result))
        code = error_set(
            error, DLG_E_SCHEMA,
            "public.%s belongs to the role %s, and what that role put there would run with the rights of a "
            "superuser: connect as %s, or as a superuser ALTER TABLE public.%s OWNER TO CURRENT_USER after "
            "looking at it",
            PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 0));
    PQclear(result);
    return code;
}

/* ---- One step ---- */

static int run(struct step_attempt *at, const char *sql)
{
    PGresult *result = admin_connection_run(at->conn, sql, at->patience, &at->error);
    PQclear(result);
    return result ? DLG_OK : dlg_error_code(at->error);
}

static int text_choose(struct step_attempt *at, const char **text)
{
    int distributed = 0, code = DLG_OK;
    *text = at->step->plain;
    if (at->step->plain == at->step->distributed)
        return DLG_OK;
    code = number_read(at->conn, "SELECT (pg_catalog.to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL)::integer",
                       at->patience, &distributed, &at->error);
    if (code == DLG_OK && distributed)
        code = number_read(at->conn,
                           "SELECT pg_catalog.count(*) FROM pg_catalog.pg_dist_partition "
                           "WHERE logicalrelid = pg_catalog.to_regclass('public.dialogs')",
                           at->patience, &distributed, &at->error);
    if (distributed)
        *text = at->step->distributed;
    return code;
}

/*
 * CREATE INDEX CONCURRENTLY that was interrupted leaves an invalid index, which IF NOT EXISTS takes for the right one.
 * Those that the step names are dropped. On a cluster some nodes may have no part of one: hence IF EXISTS.
 */
static int invalid_drop(struct step_attempt *at, const char *text)
{
    static const char sql[] =
        "SELECT pg_catalog.format('DROP INDEX %s IF EXISTS %I.%I', $2::text, n.nspname, c.relname) FROM "
        "pg_catalog.pg_index i "
        "JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE NOT i.indisvalid AND n.nspname = 'public' AND c.relname ~ '^[a-z0-9_]+$' "
        "AND $1 ~ ('\\m' || c.relname || '\\M')";
    const char *values[] = {text, at->step->alone ? "CONCURRENTLY" : ""};
    PGresult *result = admin_connection_query(at->conn, sql, 2, values, at->patience, &at->error);
    int code = result ? DLG_OK : dlg_error_code(at->error);
    for (int row = 0; code == DLG_OK && row < PQntuples(result); row++)
        code = run(at, PQgetvalue(result, row, 0));
    PQclear(result);
    return code;
}

static int record(struct step_attempt *at)
{
    char sql[96];
    snprintf(sql, sizeof sql, "INSERT INTO public.dlg_schema (version) VALUES (%d)", at->number);
    return run(at, sql);
}

/* Under the lock. */
static int step_apply(struct step_attempt *at)
{
    int code = DLG_OK, version = at->number - 1;
    const char *text = NULL;
    if (at->number)
        code = migrations_version(at->conn, at->patience, &version, &at->error);
    if (code != DLG_OK || version != at->number - 1)
        return code; /* another process was faster */
    code = text_choose(at, &text);
    if (code == DLG_OK)
        code = invalid_drop(at, text);
    if (code == DLG_OK)
        code = run(at, text);
    return code == DLG_OK && at->number ? record(at) : code;
}

/* ---- Until it is done ---- */

/* The end of the session undoes it too. */
static void undo(struct step_attempt *at, const struct frame *frame)
{
    if (PQstatus(at->conn) == CONNECTION_OK && clock_monotonic_us() < at->patience->deadline_us &&
        !patience_is_stopped(at->patience))
        PQclear(admin_connection_run(at->conn, frame->undo, at->patience, NULL));
}

static int step_try(struct step_attempt *at, bool *locked)
{
    const struct frame *frame = at->step->alone ? &alone : &transaction;
    int got = 0;
    int code = number_read(at->conn, frame->begin, at->patience, &got, &at->error);
    *locked = got;
    if (code == DLG_OK && got)
        code = step_apply(at);
    if (code == DLG_OK && got)
        return run(at, frame->commit);
    undo(at, frame);
    return code;
}

/* Somebody uses the table. */
static bool is_busy(const dlg_error *error)
{
    return strcmp(dlg_error_sqlstate(error), "55P03") == 0 || strcmp(dlg_error_sqlstate(error), "40P01") == 0;
}

static int step_until_done(struct step_attempt *at)
{
    for (;;) {
        bool locked;
        int code = step_try(at, &locked);
        if (code == DLG_OK ? locked : !is_busy(at->error))
            return code;
        int64_t pause_us = code == DLG_OK ? PAUSE_LOCKED_US : PAUSE_BUSY_US;
        if (patience_is_stopped(at->patience))
            return error_set(&at->error, DLG_E_CLOSED, "the client was closed before the tables were upgraded");
        if (clock_monotonic_us() + pause_us >= at->patience->deadline_us)
            return error_set(&at->error, DLG_E_TIMEOUT,
                             code == DLG_OK ? "another process is upgrading them"
                                            : "transactions that use a table do not end (see pg_stat_activity)");
        dlg_error_free(at->error);
        at->error = NULL;
        patience_pause(at->patience, pause_us);
    }
}

/* What the server refuses is a matter of the tables or of rights, unless it passes. */
static int explain_step(struct step_attempt *at, dlg_error **error)
{
    char what[128];
    dlg_error *why = at->error;
    const char *sqlstate = dlg_error_sqlstate(why);
    int code = why->code;
    bool refused = (code == DLG_E_DATABASE || code == DLG_E_SCHEMA) && !why->retriable;
    if (!refused && code != DLG_E_TIMEOUT)
        return error_give(error, why);
    const char *advice = !refused                         ? " in time (give dlgctl init a longer open_timeout_ms)"
                         : strcmp(sqlstate, "42501") == 0 ? " (run dlgctl init as their owner)"
                                                          : "";
    if (at->number > 1)
        snprintf(what, sizeof what, "the tables cannot be upgraded to version %d%s", at->number, advice);
    else
        snprintf(what, sizeof what, "the %s cannot be made%s", at->number ? "tables" : at->step->name, advice);
    code = error_set_sql(error, refused ? DLG_E_SCHEMA : code, sqlstate, what, dlg_error_message(why));
    dlg_error_free(why);
    return code;
}

int migrations_apply(PGconn *conn, const struct sql_migration *steps, int count, const struct patience *patience,
                     dlg_error **error)
{
    dlg_error *why = NULL;
    if (owners_check(conn, patience, &why) != DLG_OK)
        return error_give(error, why);
    for (;;) {
        int version = 0;
        int code = migrations_version(conn, patience, &version, error);
        if (code != DLG_OK || version == count)
            return code;
        if (version > count)
            return migrations_refuse(version, count, error);
        struct step_attempt at = {.conn = conn, .step = &steps[version], .number = version + 1, .patience = patience};
        if (step_until_done(&at) != DLG_OK)
            return explain_step(&at, error);
    }
}

int migrations_run_script(PGconn *conn, const struct sql_migration *script, const struct patience *patience,
                          dlg_error **error)
{
    struct step_attempt at = {.conn = conn, .step = script, .patience = patience};
    return step_until_done(&at) == DLG_OK ? DLG_OK : explain_step(&at, error);
}
