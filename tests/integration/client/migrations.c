/* Migrations: from every older version, by several processes and libraries at once, and what refuses them. */
#include "migrating.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHILDREN = 8, PATIENCE_MS = 30000 };

static int open_server(void **state)
{
    return fixture_open_with(state, NULL);
}

static int rows_of(int version)
{
    return version ? MIGRATING_ROWS : 0;
}

/* ---- From every older version ---- */

static void every_older_version_becomes_the_newest(void **state)
{
    for (int version = CLASSIC; version <= sql_migration_count; version++) {
        const char *conninfo = migrating_make(*state, version);
        for (int time = 0; time < 2; time++) {
            client_close(client_open(conninfo, ""));
            migrating_assert_newest(*state, rows_of(version));
        }
    }
}

static void each_step_is_a_version(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    const char *conninfo = migrating_make(fixture, CLASSIC);
    for (int count = 1; count <= sql_migration_count; count++) {
        assert_ok(migrating_apply(conninfo, sql_migrations, count, PATIENCE_MS, &error), error);
        assert_int_equal(sql_number(fixture->sql, "SELECT max(version) FROM dlg_schema"), count);
    }
    migrating_assert_newest(fixture, MIGRATING_ROWS);
}

/* Version 2: not when its transaction began. */
static void a_plain_insert_is_stamped_when_it_runs(void **state)
{
    static const char late[] =
        "SELECT count(*) FROM dialogs WHERE text = 'late' AND create_date - began >= interval '0.2 s'";
    struct fixture *fixture = *state;
    for (int version = 1; version <= sql_migration_count; version++) {
        const char *conninfo = migrating_make(fixture, 1);
        dlg_error *error = NULL;
        assert_ok(migrating_apply(conninfo, sql_migrations, version, PATIENCE_MS, &error), error);
        sql_run(fixture->sql, "ALTER TABLE dialogs ADD began timestamptz DEFAULT now()");
        sql_run(fixture->sql, "BEGIN");
        sql_run(fixture->sql, "SELECT pg_sleep(0.2)");
        sql_run(fixture->sql, "INSERT INTO dialogs (user_id, to_user_id, text) VALUES (md5('a')::uuid, md5('b')::uuid, "
                              "'late')");
        sql_run(fixture->sql, "COMMIT");
        assert_int_equal(sql_number(fixture->sql, "%s", late), version >= 2);
    }
}

/* ---- At once ---- */

/* Each process either did it, or was told that the tables have become too new for it. */
static void assert_done(pid_t pid, int output, int count)
{
    char text[512] = "", expected[128] = "";
    ssize_t length = read(output, text, sizeof text - 1);
    close(output);
    assert_int_equal(self_wait(pid), 0);
    if (length > 0)
        snprintf(expected, sizeof expected, "this library knows up to %d", count);
    if (!strstr(text, expected) || (length > 0 && count == sql_migration_count))
        fail_msg("%s", text);
}

static void at_once(struct fixture *fixture, int version)
{
    pid_t pids[CHILDREN];
    int outputs[CHILDREN];
    const char *conninfo = migrating_make(fixture, version);
    int oldest = version < 1 ? 1 : version;
    int libraries = sql_migration_count - oldest + 1;
    for (int i = 0; i < CHILDREN; i++)
        pids[i] = migrating_start(conninfo, oldest + i % libraries, &outputs[i]);
    for (int i = 0; i < CHILDREN; i++)
        assert_done(pids[i], outputs[i], oldest + i % libraries);
    migrating_assert_newest(fixture, rows_of(version));
}

static void libraries_of_several_versions_may_begin_at_once(void **state)
{
    for (int version = CLASSIC; version < sql_migration_count; version++)
        at_once(*state, version);
}

/* In these, a query would see what was there before the lock was taken. */
static void so_they_may_in_serializable_transactions(void **state)
{
    struct fixture *fixture = *state;
    sql_run(fixture->sql, "ALTER SYSTEM SET default_transaction_isolation = serializable");
    sql_run(fixture->sql, "SELECT pg_reload_conf()");
    for (int version = CLASSIC; version < sql_migration_count; version++)
        at_once(fixture, version);
    sql_run(fixture->sql, "ALTER SYSTEM RESET default_transaction_isolation");
    sql_run(fixture->sql, "SELECT pg_reload_conf()");
}

/* ---- Refused ---- */

static void assert_refused(int code, dlg_error **error, const char *part)
{
    if (!strstr(dlg_error_message(*error), part))
        fail_msg("no \"%s\" in: %s", part, dlg_error_message(*error));
    assert_fails(code, DLG_E_SCHEMA, *error);
}

static void a_later_version_is_refused_and_untouched(void **state)
{
    struct fixture *fixture = *state;
    const char *conninfo = migrating_make(fixture, sql_migration_count);
    for (int count = 1; count < sql_migration_count; count++) {
        char part[64];
        dlg_error *error = NULL;
        snprintf(part, sizeof part, "version %d and this library knows up to %d", sql_migration_count, count);
        int code = migrating_apply(conninfo, sql_migrations, count, PATIENCE_MS, &error);
        assert_refused(code, &error, part);
        migrating_assert_newest(fixture, MIGRATING_ROWS);
    }
}

static void an_older_version_is_named_by_a_check(void **state)
{
    for (int version = 1; version < sql_migration_count; version++) {
        char part[64];
        dlg_error *error = NULL;
        dlg_client *client = NULL;
        const char *conninfo = migrating_make(*state, version);
        snprintf(part, sizeof part, "version %d and this library needs %d", version, sql_migration_count);
        assert_refused(client_try(&client, conninfo, "schema=check", &error), &error, part);
        assert_null(client);
    }
}

static void who_does_not_own_the_tables_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    char conninfo[700];
    dlg_error *error = NULL;
    snprintf(conninfo, sizeof conninfo, "%s user=stranger", migrating_make(fixture, 1));
    sql_run(fixture->sql, "CREATE ROLE stranger LOGIN; GRANT ALL ON dialogs, users, dlg_schema TO stranger");
    assert_refused(migrating_apply(conninfo, sql_migrations, sql_migration_count, PATIENCE_MS, &error), &error,
                   "as their owner");
    sql_run(fixture->sql, "REVOKE SELECT ON dlg_schema FROM stranger");
    dlg_client *client = NULL;
    int code = client_try(&client, conninfo, "schema=check", &error);
    assert_string_equal(dlg_error_sqlstate(error), "42501");
    assert_null(strstr(dlg_error_message(error), "installed"));
    assert_fails(code, DLG_E_DATABASE, error);
    sql_run(fixture->sql, "DROP OWNED BY stranger; DROP ROLE stranger");
}

/* ---- Somebody else's functions ---- */

/* Each fits the migrations' calls better than PostgreSQL's own. */
static const char traps[] =
    "CREATE TABLE public.caught (who text); GRANT INSERT ON public.caught TO PUBLIC; "
    "CREATE FUNCTION public.trap(text[], text[]) RETURNS boolean LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO public.caught VALUES ('<>'); RETURN $1 OPERATOR(pg_catalog.<>) $2; END $$; "
    "CREATE OPERATOR public.<> (LEFTARG = text[], RIGHTARG = text[], FUNCTION = public.trap); "
    "CREATE FUNCTION public.format(text, text, text) RETURNS text LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO public.caught VALUES ('format'); RETURN pg_catalog.format($1, $2, $3); END $$; "
    "CREATE FUNCTION public.format(text, name) RETURNS text LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO public.caught VALUES ('format'); RETURN pg_catalog.format($1, $2); END $$; "
    "CREATE FUNCTION public.setval(text, bigint) RETURNS bigint LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO public.caught VALUES ('setval'); RETURN pg_catalog.setval($1::regclass, $2); END $$; "
    "CREATE FUNCTION public.unnest(smallint[]) RETURNS SETOF smallint LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO public.caught VALUES ('unnest'); RETURN QUERY SELECT pg_catalog.unnest($1); END $$";

/* A table that every part of the first migration has something to do with. */
static void make_odd(struct fixture *fixture)
{
    fixture_empty(fixture);
    sql_run(fixture->sql, "%s", traps);
    sql_run(fixture->sql, "CREATE TABLE dialogs (id bigint NOT NULL CONSTRAINT \"odd one\" PRIMARY KEY, "
                          "user_id uuid NOT NULL, to_user_id uuid NOT NULL, text text NOT NULL, "
                          "create_date timestamptz NOT NULL)");
}

static void functions_of_others_are_not_called(void **state)
{
    struct fixture *fixture = *state;
    const char *count = "SELECT count(*) FROM caught";
    make_odd(fixture);
    sql_run(fixture->sql, "%s", sql_migrations[0].plain); /* unprotected, to see that the traps work */
    assert_true(sql_number(fixture->sql, "%s", count) > 0);
    make_odd(fixture);
    client_close(client_open(test_server_conninfo_admin(fixture->server), "feed=on"));
    assert_int_equal(sql_number(fixture->sql, "%s", count), 0);
    assert_int_equal(sql_number(fixture->sql, "SELECT max(version) FROM dlg_schema"), sql_migration_count);
}

/* Made in advance by somebody who hopes that a superuser installs the tables. */
static void tables_of_others_are_no_trap_for_a_superuser(void **state)
{
    static const char *const baits[] = {
        "CREATE TABLE dlg_schema (version integer PRIMARY KEY, install_date timestamptz DEFAULT now()); "
        "CREATE TRIGGER bait BEFORE INSERT ON dlg_schema FOR EACH ROW EXECUTE FUNCTION bait()",
        "CREATE VIEW dlg_schema AS SELECT bait_number() AS version",
        "CREATE TABLE dialogs (id bigint, user_id uuid, to_user_id uuid, text text, create_date timestamptz)",
    };
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    for (size_t i = 0; i < sizeof baits / sizeof *baits; i++) {
        const char *conninfo = fixture_empty(fixture);
        sql_run(fixture->sql, "CREATE TABLE caught (who text); CREATE ROLE mallory; "
                              "GRANT CREATE ON SCHEMA public TO mallory; SET ROLE mallory; "
                              "CREATE FUNCTION bait() RETURNS trigger LANGUAGE plpgsql AS "
                              "$$ BEGIN INSERT INTO caught VALUES (current_user); RETURN new; END $$; "
                              "CREATE FUNCTION bait_number() RETURNS integer LANGUAGE plpgsql AS "
                              "$$ BEGIN INSERT INTO caught VALUES (current_user); RETURN 0; END $$");
        sql_run(fixture->sql, "%s; RESET ROLE", baits[i]);
        assert_refused(migrating_apply(conninfo, sql_migrations, sql_migration_count, PATIENCE_MS, &error), &error,
                       "belongs to the role mallory");
        assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM caught"), 0);
        sql_run(fixture->sql, "DROP OWNED BY mallory; DROP ROLE mallory");
    }
}

int main(int argc, char **argv)
{
    if (argc > 2)
        return migrating_main(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_older_version_becomes_the_newest),
        cmocka_unit_test(each_step_is_a_version),
        cmocka_unit_test(a_plain_insert_is_stamped_when_it_runs),
        cmocka_unit_test(libraries_of_several_versions_may_begin_at_once),
        cmocka_unit_test(so_they_may_in_serializable_transactions),
        cmocka_unit_test(a_later_version_is_refused_and_untouched),
        cmocka_unit_test(an_older_version_is_named_by_a_check),
        cmocka_unit_test(who_does_not_own_the_tables_is_told_so),
        cmocka_unit_test(functions_of_others_are_not_called),
        cmocka_unit_test(tables_of_others_are_no_trap_for_a_superuser),
    };
    return cmocka_run_group_tests(tests, open_server, fixture_close);
}
