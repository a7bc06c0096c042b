/* Migrations that are interrupted, wait, or run outside of a transaction; and what goes on meanwhile. */
#include "migrating.h"

#include "client/migrations.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, MOST_COMMANDS = 60 };

static int open_server(void **state)
{
    return fixture_open_with(state, NULL);
}

static int rows_of(int version)
{
    return version ? MIGRATING_ROWS : 0;
}

/* ---- Interrupted at every command ---- */

/* Ends the session at the command of this number, of those that change tables: before it and after it. */
static const char ender[] =
    "CREATE SCHEMA ender; CREATE SEQUENCE ender.count; CREATE TABLE ender.at (number bigint); "
    "CREATE FUNCTION ender.tick() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF current_setting('application_name') = 'migrating' AND nextval('ender.count') = (SELECT number FROM ender.at) "
    "THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$; "
    "CREATE EVENT TRIGGER ender_before ON ddl_command_start EXECUTE FUNCTION ender.tick(); "
    "CREATE EVENT TRIGGER ender_after ON ddl_command_end EXECUTE FUNCTION ender.tick()";

static void end_at(struct fixture *fixture, int number)
{
    sql_run(fixture->sql, "TRUNCATE ender.at; SELECT setval('ender.count', 1, false)");
    if (number)
        sql_run(fixture->sql, "INSERT INTO ender.at VALUES (%d)", number);
}

/* True: the migration reached the command, and was interrupted there. */
static bool interrupted_at(struct fixture *fixture, int version, int number)
{
    char conninfo[700];
    dlg_error *error = NULL;
    snprintf(conninfo, sizeof conninfo, "%s application_name=migrating", migrating_make(fixture, version));
    end_at(fixture, number);
    int code = migrating_apply(conninfo, sql_migrations, sql_migration_count, PATIENCE_MS, &error);
    if (code == DLG_OK)
        return false;
    assert_fails(code, DLG_E_UNAVAILABLE, error);
    end_at(fixture, 0);
    assert_ok(migrating_apply(conninfo, sql_migrations, sql_migration_count, PATIENCE_MS, &error), error);
    migrating_assert_newest(fixture, rows_of(version));
    return true;
}

static void wherever_it_is_interrupted_it_can_run_again(void **state)
{
    struct fixture *fixture = *state;
    sql_run(fixture->sql, "%s", ender);
    for (int version = CLASSIC; version < sql_migration_count; version++) {
        int number = 1;
        while (number < MOST_COMMANDS && interrupted_at(fixture, version, number))
            number++;
        assert_in_range(number, 3, MOST_COMMANDS - 1); /* at least before and after one command, and to the end */
    }
    sql_run(fixture->sql, "DROP EVENT TRIGGER ender_before; DROP EVENT TRIGGER ender_after; DROP SCHEMA ender CASCADE");
}

/* ---- Killed while it waits for a table ---- */

static void hold_table(struct fixture *fixture)
{
    sql_run(fixture->sql, "BEGIN; LOCK TABLE dialogs IN ACCESS SHARE MODE; LOCK TABLE users IN ROW EXCLUSIVE MODE");
}

static void a_killed_process_leaves_the_older_version(void **state)
{
    struct fixture *fixture = *state;
    for (int version = 1; version < sql_migration_count; version++) {
        int output;
        const char *conninfo = migrating_make(fixture, version);
        hold_table(fixture);
        pid_t pid = migrating_start(conninfo, sql_migration_count, &output);
        wait_for_lock(fixture);
        kill(pid, SIGKILL);
        assert_int_equal(self_wait(pid), -1);
        close(output);
        sql_run(fixture->sql, "COMMIT");
        client_close(client_open(conninfo, ""));
        migrating_assert_newest(fixture, MIGRATING_ROWS);
    }
}

/* ---- A table in use ---- */

struct migrator {
    pthread_t thread;
    const char *conninfo;
    const struct sql_migration *steps;
    int count, timeout_ms;
    int code;
    dlg_error *error;
    atomic_bool done;
};

static void *migrate(void *payload)
{
    struct migrator *migrator = payload;
    migrator->code =
        migrating_apply(migrator->conninfo, migrator->steps, migrator->count, migrator->timeout_ms, &migrator->error);
    atomic_store(&migrator->done, true);
    return NULL;
}

static void migrator_start(struct migrator *migrator)
{
    migrator->timeout_ms = migrator->timeout_ms ? migrator->timeout_ms : PATIENCE_MS;
    assert_int_equal(pthread_create(&migrator->thread, NULL, migrate, migrator), 0);
}

static void migrator_finish(struct migrator *migrator)
{
    pthread_join(migrator->thread, NULL);
    assert_ok(migrator->code, migrator->error);
}

/* A reader that takes long, such as a dump, keeps the migration waiting, but nobody else for long. */
static void who_writes_does_not_wait_for_a_reader(void **state)
{
    enum { DURATION_US = 4000000, PAUSE_US = 1500000 };
    struct fixture *fixture = *state;
    struct migrator migrator = {
        .conninfo = migrating_make(fixture, 1), .steps = sql_migrations, .count = sql_migration_count};
    dlg_client *client = client_open(migrator.conninfo, "schema=none");
    struct pair pair = pair_new();
    int sent = 0;
    int64_t longest_us = 0;
    hold_table(fixture);
    migrator_start(&migrator);
    for (int64_t began_us = now_us(), last_us = began_us; last_us < began_us + DURATION_US; sent++) {
        send_text(client, &pair.ann, &pair.ben, "x");
        int64_t us = now_us();
        longest_us = us - last_us > longest_us ? us - last_us : longest_us;
        last_us = us;
    }
    assert_false(atomic_load(&migrator.done));
    sql_run(fixture->sql, "COMMIT");
    migrator_finish(&migrator);
    client_close(client);
    print_message("%d messages, the longest took %d ms\n", sent, (int)(longest_us / 1000));
    assert_true(longest_us < PAUSE_US);
    migrating_assert_newest(fixture, MIGRATING_ROWS + sent);
}

static void a_table_that_stays_in_use_is_named(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    const char *conninfo = migrating_make(fixture, 1);
    hold_table(fixture);
    int code = migrating_apply(conninfo, sql_migrations, sql_migration_count, 2500, &error);
    assert_non_null(strstr(dlg_error_message(error), "cannot be upgraded to version 2 in time"));
    assert_non_null(strstr(dlg_error_message(error), "pg_stat_activity"));
    assert_fails(code, DLG_E_TIMEOUT, error);
    sql_run(fixture->sql, "COMMIT");
    assert_int_equal(sql_number(fixture->sql, "SELECT max(version) FROM dlg_schema"), 1);
    sql_run(fixture->sql, "SELECT pg_advisory_lock(7235413108129617)");
    code = migrating_apply(conninfo, sql_migrations, sql_migration_count, 500, &error);
    assert_non_null(strstr(dlg_error_message(error), "another process is upgrading them"));
    assert_fails(code, DLG_E_TIMEOUT, error);
    sql_run(fixture->sql, "SELECT pg_advisory_unlock(7235413108129617)");
}

/* ---- Outside of a transaction ---- */

static const char index_text[] = "-- no transaction\n"
                                 "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_dialogs_text ON public.dialogs (text)";
static const char other_text[] = "SELECT 1 / 0";

/* A first version as it is, and two steps of this test. */
static const struct sql_migration *steps_with_index(void)
{
    static struct sql_migration steps[3];
    steps[0] = sql_migrations[0];
    steps[1] = (struct sql_migration){"0002_index", index_text, other_text, true};
    steps[2] = sql_migrations[1];
    return steps;
}

static const char is_valid[] = "SELECT coalesce((SELECT CASE WHEN indisvalid THEN 1 ELSE -1 END FROM pg_index "
                               "WHERE indexrelid = to_regclass('public.ix_dialogs_text')), 0)";

static void an_index_is_made_while_messages_are_sent(void **state)
{
    struct fixture *fixture = *state;
    struct migrator migrator = {.conninfo = migrating_make(fixture, 1), .steps = steps_with_index(), .count = 3};
    dlg_client *client = client_open(migrator.conninfo, "schema=none");
    struct pair pair = pair_new();
    sql_run(fixture->sql, "BEGIN; INSERT INTO dialogs SELECT * FROM dialogs LIMIT 0; SELECT txid_current()");
    migrator_start(&migrator);
    wait_for_lock(fixture);
    send_text(client, &pair.ann, &pair.ben, "x"); /* while the migration waits for that transaction */
    assert_int_equal(sql_number(fixture->sql, is_valid), -1);
    sql_run(fixture->sql, "COMMIT");
    migrator_finish(&migrator);
    client_close(client);
    assert_int_equal(sql_number(fixture->sql, is_valid), 1);
    assert_int_equal(sql_number(fixture->sql, "SELECT max(version) FROM dlg_schema"), 3);
}

static void a_part_of_an_index_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct migrator migrator = {.conninfo = migrating_make(fixture, 1), .steps = steps_with_index(), .count = 3};
    sql_run(fixture->sql, "BEGIN; INSERT INTO dialogs SELECT * FROM dialogs LIMIT 0; SELECT txid_current()");
    migrator_start(&migrator);
    wait_for_lock(fixture);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                              "WHERE query LIKE '%%CREATE INDEX CONCURRENTLY%%' AND pid <> "
                                              "pg_backend_pid()"),
                     1);
    pthread_join(migrator.thread, NULL);
    sql_run(fixture->sql, "COMMIT");
    assert_fails(migrator.code, DLG_E_UNAVAILABLE, migrator.error);
    assert_int_equal(sql_number(fixture->sql, is_valid), -1);
    assert_int_equal(sql_number(fixture->sql, "SELECT max(version) FROM dlg_schema"), 1);
    migrator_start(&migrator);
    migrator_finish(&migrator);
    assert_int_equal(sql_number(fixture->sql, is_valid), 1);
}

/* Who waits for the lock must not be what the index waits for. */
static void several_do_not_block_each_other(void **state)
{
    enum { MIGRATORS = 6 };
    struct fixture *fixture = *state;
    struct migrator migrators[MIGRATORS];
    const char *conninfo = migrating_make(fixture, 1);
    const struct sql_migration *steps = steps_with_index(); /* before any of them reads it */
    for (int i = 0; i < MIGRATORS; i++) {
        migrators[i] = (struct migrator){.conninfo = conninfo, .steps = steps, .count = 3};
        migrator_start(&migrators[i]);
    }
    for (int i = 0; i < MIGRATORS; i++)
        migrator_finish(&migrators[i]);
    assert_int_equal(sql_number(fixture->sql, is_valid), 1);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM dlg_schema"), 3);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0);
}

/*
 * Who got the lock in the moment in which another process had made the tables and given it back. Here the lock is
 * waited for instead of tried, so that this moment is met every time.
 */
static const char waiting_lock[] =
    "ALTER FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) RENAME TO pg_tried_advisory_xact_lock; "
    "CREATE FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
    "PERFORM pg_catalog.pg_advisory_xact_lock($1); RETURN true; END $$";
static const char trying_lock[] =
    "DROP FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint); "
    "ALTER FUNCTION pg_catalog.pg_tried_advisory_xact_lock(bigint) RENAME TO pg_try_advisory_xact_lock";

static void who_gets_the_lock_sees_what_was_made_before(void **state)
{
    struct fixture *fixture = *state;
    struct migrator migrator = {
        .conninfo = migrating_make(fixture, 0), .steps = sql_migrations, .count = sql_migration_count};
    sql_run(fixture->sql, "%s", waiting_lock);
    sql_run(fixture->sql, "BEGIN; SELECT pg_advisory_xact_lock(7235413108129617)");
    migrator_start(&migrator);
    wait_for_lock(fixture);
    sql_run(fixture->sql, "%s", sql_migrations[0].plain);
    sql_run(fixture->sql, "INSERT INTO dlg_schema (version) VALUES (1); COMMIT");
    migrator_finish(&migrator);
    sql_run(fixture->sql, "%s", trying_lock);
    migrating_assert_newest(fixture, 0);
}

/* Also where an administrator's own attempt failed. */
static void the_indexes_of_feeds_replace_invalid_ones(void **state)
{
    struct fixture *fixture = *state;
    const char *conninfo = migrating_make(fixture, sql_migration_count);
    sql_run(fixture->sql, "CREATE INDEX ix_dialogs_feed_from ON dialogs (text)");
    sql_run(fixture->sql, "UPDATE pg_index SET indisvalid = false "
                          "WHERE indexrelid = 'ix_dialogs_feed_from'::regclass");
    client_close(client_open(conninfo, "feed=on"));
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid IN "
                                              "('ix_dialogs_feed_from'::regclass, 'ix_dialogs_feed_to'::regclass)"),
                     2);
    assert_non_null(strstr(sql_text(fixture->sql, "SELECT pg_get_indexdef('ix_dialogs_feed_from'::regclass)"),
                           "uuid_send(user_id)"));
}

int main(int argc, char **argv)
{
    if (argc > 2)
        return migrating_main(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_it_is_interrupted_it_can_run_again),
        cmocka_unit_test(a_killed_process_leaves_the_older_version),
        cmocka_unit_test(who_writes_does_not_wait_for_a_reader),
        cmocka_unit_test(a_table_that_stays_in_use_is_named),
        cmocka_unit_test(an_index_is_made_while_messages_are_sent),
        cmocka_unit_test(a_part_of_an_index_is_made_anew),
        cmocka_unit_test(several_do_not_block_each_other),
        cmocka_unit_test(who_gets_the_lock_sees_what_was_made_before),
        cmocka_unit_test(the_indexes_of_feeds_replace_invalid_ones),
    };
    return cmocka_run_group_tests(tests, open_server, fixture_close);
}
