/* GET /events: what other programs write, and what is committed long after its stamp, is not missed. */
#include "check.h"
#include "sse.h"
#include "world.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A row by somebody else, who does not tell the service. */
static void insert(const struct person *from, const struct person *to, const char *text, const char *when)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ('%s', '%s', '%s', "
             "clock_timestamp() - interval '%s')",
             from->id, to->id, text, when);
    assert_true(test_server_execute(world.server, sql));
}

/* Stamped now by somebody else, and committed by commit(). */
static PGconn *insert_uncommitted(const struct person *from, const struct person *to, const char *text)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "BEGIN; INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ('%s', '%s', '%s', "
             "clock_timestamp())",
             from->id, to->id, text);
    PGconn *writer = PQconnectdb(test_server_conninfo_admin(world.server));
    PGresult *result = PQexec(writer, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s", PQerrorMessage(writer));
    PQclear(result);
    return writer;
}

static void commit(PGconn *writer)
{
    PGresult *result = PQexec(writer, "COMMIT");
    assert_string_equal(PQcmdStatus(result), "COMMIT");
    PQclear(result);
    PQfinish(writer);
}

/* Stamped before what the client has seen, committed after it was cut. */
static void a_late_commit_is_not_missed(void **state)
{
    (void)state;
    int port = world.process.port;
    struct person person;
    struct sse stream;
    char last[DLG_CURSOR_SIZE];
    person_make(&person, port);
    for (int i = 0; i < 100; i++)
        person_send(port, &world.anna, &person, "before it begins");
    sse_open(&stream, port, person.token, NULL);
    person_send(port, &world.anna, &person, "seen");
    sse_expect(&stream, "seen");
    snprintf(last, sizeof last, "%s", stream.last_id);
    sse_close(&stream);
    insert(&world.anna, &person, "late", "1 second");
    person_send(port, &world.anna, &person, "newer");
    sse_open(&stream, port, person.token, last);
    sse_expect(&stream, "late");
    sse_expect(&stream, "newer");
    sse_expect_silence(&stream);
    sse_close(&stream);
    free(person.token);
}

static void expect_crowd(struct sse *stream, const struct person *person, int count)
{
    for (int i = 0; i < count; i++) {
        person_send(world.process.port, &world.anna, person, "crowd");
        sse_expect(stream, "crowd");
    }
}

/* As much came before as the cursor has room for. What the stream did not hear of comes in the order of its stamps. */
static void a_late_commit_behind_a_crowd_is_not_missed(void **state)
{
    (void)state;
    int port = world.process.port;
    struct person person;
    struct sse stream;
    char last[DLG_CURSOR_SIZE];
    person_make(&person, port);
    sse_open(&stream, port, person.token, NULL);
    person_send(port, &world.anna, &person, "it has begun"); /* its first look would show "there before" */
    sse_expect(&stream, "it has begun");
    insert(&world.anna, &person, "there before", "0 seconds");
    expect_crowd(&stream, &person, 75);
    PGconn *writer = insert_uncommitted(&world.anna, &person, "late");
    expect_crowd(&stream, &person, 75);
    snprintf(last, sizeof last, "%s", stream.last_id);
    sse_close(&stream);
    commit(writer);
    person_send(port, &world.anna, &person, "newer");
    sse_open(&stream, port, person.token, last);
    sse_expect(&stream, "there before");
    sse_expect(&stream, "late");
    sse_expect(&stream, "newer");
    sse_expect_silence(&stream);
    sse_close(&stream);
    free(person.token);
}

/* More than a cursor remembers. The stream shows them again, to itself, once all is sure to be visible. */
static void a_crowd_comes_once_over_one_connection(void **state)
{
    (void)state;
    enum { COUNT = 4000, CALM_LENGTH = 100 };
    static int seen[COUNT];
    char sql[512];
    struct process process;
    struct person person;
    struct sse stream;
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--catch-up", "1", "--heartbeat", "1", NULL});
    process_wait_ready(&process);
    person_make(&person, process.port);
    sse_open(&stream, process.port, person.token, NULL);
    snprintf(sql, sizeof sql,
             "INSERT INTO dialogs (user_id, to_user_id, text, create_date) SELECT '%s', '%s', number::text, "
             "clock_timestamp() FROM generate_series(0, %d) AS number",
             world.anna.id, person.id, COUNT - 1);
    assert_true(test_server_execute(world.server, sql));
    for (int i = 0; i < COUNT; i++) {
        if (!sse_next(&stream, 30000))
            fail_msg("only %d came", i);
        char *text = sse_text(&stream);
        if (seen[atoi(text)]++)
            fail_msg("message %s came again", text);
        free(text);
    }
    for (int i = 0; i < 60 && strlen(stream.last_id) > CALM_LENGTH; i++)
        if (sse_next(&stream, 1000))
            fail_msg("a message came again: %s", stream.data);
    assert_in_range(strlen(stream.last_id), 1, CALM_LENGTH);
    sse_close(&stream);
    free(person.token);
    process_stop(&process);
}

/* The stream looks again and again, for longer than a clock may step back, while it cannot be seen yet. */
static void a_commit_that_takes_long_is_not_missed(void **state)
{
    (void)state;
    enum { LOOKS = 5 };
    int port = world.process.port;
    struct person person;
    struct sse stream;
    char last[DLG_CURSOR_SIZE];
    person_make(&person, port);
    sse_open(&stream, port, person.token, NULL);
    PGconn *writer = insert_uncommitted(&world.anna, &person, "late");
    for (int i = 0; i < LOOKS; i++) {
        person_send(port, &world.anna, &person, "seen");
        sse_expect(&stream, "seen");
        snprintf(last, sizeof last, "%s", stream.last_id);
        sse_close(&stream);
        sleep(1);
        sse_open(&stream, port, person.token, last);
    }
    sse_expect_silence(&stream);
    sse_close(&stream);
    commit(writer);
    sse_open(&stream, port, person.token, last);
    sse_expect(&stream, "late");
    sse_expect_silence(&stream);
    sse_close(&stream);
    free(person.token);
}

static void *send_slow(void *author)
{
    person_send(world.process.port, author, &world.boris, "slow");
    call_end();
    return NULL;
}

static void wait_for_the_slow_one(PGconn *holder)
{
    bool waits = false;
    while (!waits) {
        PGresult *result = PQexec(holder, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
        assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
        waits = strcmp(PQgetvalue(result, 0, 0), "0") != 0;
        PQclear(result);
        pause_ms(5);
    }
}

/*
 * The cursor no longer tells one message of the crowd from another. What the stream hears of then is handed on at once,
 * though it was stamped before the crowd.
 */
static void what_is_heard_late_in_a_crowd_comes_at_once(void **state)
{
    (void)state;
    struct person person;
    struct sse stream;
    pthread_t sender;
    assert_true(test_server_execute(
        world.server, "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
                      "'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END'; CREATE TRIGGER wait BEFORE INSERT ON "
                      "dialogs FOR EACH ROW WHEN (NEW.text = 'slow') EXECUTE FUNCTION wait()"));
    PGconn *holder = PQconnectdb(test_server_conninfo_admin(world.server));
    PQclear(PQexec(holder, "BEGIN; SELECT pg_advisory_xact_lock(1)"));
    person_make(&person, world.process.port);
    sse_open(&stream, world.process.port, person.token, NULL);
    assert_int_equal(pthread_create(&sender, NULL, send_slow, &person), 0);
    wait_for_the_slow_one(holder); /* a message that shared its commit would wait with it */
    expect_crowd(&stream, &person, 210);
    sleep(1); /* it has asked the database meanwhile */
    commit(holder);
    sse_expect(&stream, "slow");
    sse_expect_silence(&stream);
    pthread_join(sender, NULL);
    sse_close(&stream);
    free(person.token);
    assert_true(test_server_execute(world.server, "DROP FUNCTION wait() CASCADE"));
}

/* A stream that hears much asks the database sooner, so that its cursor has an end. */
static void a_lively_stream_looks_more_often(void **state)
{
    (void)state;
    enum { COUNT = 1100 };
    struct person person;
    struct sse stream;
    int others = 0, ours = 0;
    person_make(&person, world.process.port);
    sse_open(&stream, world.process.port, person.token, NULL);
    insert(&world.anna, &person, "by other means", "0 seconds");
    for (int sent = 0; sent < COUNT; sent++) {
        person_send(world.process.port, &world.anna, &person, "ours");
        if (!sse_next(&stream, 5000))
            fail_msg("after %d messages nothing came", sent);
        char *text = sse_text(&stream);
        others += strcmp(text, "by other means") == 0;
        ours += strcmp(text, "ours") == 0;
        free(text);
    }
    assert_int_equal(others, 1);
    assert_int_equal(ours, COUNT - 1);
    sse_expect(&stream, "ours");
    sse_expect_silence(&stream);
    sse_close(&stream);
    free(person.token);
}

static void what_others_wrote_is_found_now_and_then(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    struct sse stream;
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--catch-up", "1", "--heartbeat", "1", NULL});
    process_wait_ready(&process);
    person_make(&person, process.port);
    sse_open(&stream, process.port, person.token, NULL);
    person_send(process.port, &person, &world.anna, "ours");
    sse_expect(&stream, "ours");
    insert(&world.anna, &person, "by other means", "1 second");
    sse_expect(&stream, "by other means");
    insert(&person, &world.anna, "in my name", "1 second");
    sse_expect(&stream, "in my name");
    person_send(process.port, &person, &world.anna, "ours again");
    sse_expect(&stream, "ours again");
    assert_true(sse_beats(&stream, 3, 6000));
    sse_expect_silence(&stream);
    sse_close(&stream);
    free(person.token);
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_commit_is_not_missed),
        cmocka_unit_test(a_late_commit_behind_a_crowd_is_not_missed),
        cmocka_unit_test(a_crowd_comes_once_over_one_connection),
        cmocka_unit_test(a_commit_that_takes_long_is_not_missed),
        cmocka_unit_test(what_is_heard_late_in_a_crowd_comes_at_once),
        cmocka_unit_test(a_lively_stream_looks_more_often),
        cmocka_unit_test(what_others_wrote_is_found_now_and_then),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
