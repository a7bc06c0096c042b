/* GET /events: what is sent arrives at once, and a stream that was cut goes on where it was. */
#include "check.h"
#include "sse.h"
#include "wire.h"
#include "world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect_silence(struct sse *sse)
{
    if (sse_next(sse, 300))
        fail_msg("this came unexpectedly: %s", sse->data);
}

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

static void both_sides_get_it(void **state)
{
    (void)state;
    int port = world.process.port;
    struct sse anna, boris, clara;
    sse_open(&anna, port, world.anna.token, NULL);
    sse_open(&boris, port, world.boris.token, NULL);
    sse_open(&clara, port, world.clara.token, NULL);
    long long id = person_send(port, &world.anna, &world.boris, "Hello\n\"Boris\"");
    sse_expect(&anna, "Hello\n\"Boris\"");
    sse_expect(&boris, "Hello\n\"Boris\"");
    json_t *json = json_loads(boris.data, 0, NULL);
    json_t *list = person_list(port, &world.boris, &world.anna);
    assert_true(json_equal(json, json_array_get(list, json_array_size(list) - 1)));
    assert_int_equal(strtoll(json_string_value(json_object_get(json, "id")), NULL, 10), id);
    json_decref(json);
    json_decref(list);
    person_send(port, &world.boris, &world.boris, "to myself"); /* once */
    sse_expect(&boris, "to myself");
    expect_silence(&boris);
    expect_silence(&anna);
    expect_silence(&clara);
    sse_close(&anna);
    sse_close(&boris);
    sse_close(&clara);
}

static void a_cut_stream_goes_on_where_it_was(void **state)
{
    (void)state;
    int port = world.process.port;
    struct sse boris;
    char text[32], last[DLG_CURSOR_SIZE];
    sse_open(&boris, port, world.boris.token, NULL);
    person_send(port, &world.anna, &world.boris, "before");
    sse_expect(&boris, "before");
    snprintf(last, sizeof last, "%s", boris.last_id);
    sse_close(&boris);
    for (int i = 0; i < 120; i++) { /* more than a page */
        snprintf(text, sizeof text, "meanwhile %d", i);
        person_send(port, i % 2 ? &world.anna : &world.boris, i % 2 ? &world.boris : &world.clara, text);
    }
    sse_open(&boris, port, world.boris.token, last);
    for (int i = 0; i < 120; i++) {
        snprintf(text, sizeof text, "meanwhile %d", i);
        sse_expect(&boris, text);
        if (i % 50 == 20) { /* cut again in the midst of it */
            snprintf(last, sizeof last, "%s", boris.last_id);
            sse_close(&boris);
            sse_open(&boris, port, world.boris.token, last);
        }
    }
    person_send(port, &world.anna, &world.boris, "after");
    sse_expect(&boris, "after");
    expect_silence(&boris);
    sse_close(&boris);
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
    expect_silence(&stream);
    sse_close(&stream);
    free(person.token);
}

/* As much came before as the cursor has room for. */
static void a_late_commit_behind_a_crowd_is_not_missed(void **state)
{
    (void)state;
    enum { COUNT = 150 };
    int port = world.process.port;
    struct person person;
    struct sse stream;
    char last[DLG_CURSOR_SIZE];
    person_make(&person, port);
    sse_open(&stream, port, person.token, NULL);
    person_send(port, &world.anna, &person, "it has begun"); /* what is there before that is not part of it */
    sse_expect(&stream, "it has begun");
    insert(&world.anna, &person, "there before", "0 seconds");
    for (int i = 0; i < COUNT; i++) {
        person_send(port, &world.anna, &person, "crowd");
        sse_expect(&stream, "crowd");
    }
    snprintf(last, sizeof last, "%s", stream.last_id);
    sse_close(&stream);
    insert(&world.anna, &person, "late", "100 milliseconds");
    person_send(port, &world.anna, &person, "newer");
    sse_open(&stream, port, person.token, last);
    sse_expect(&stream, "there before");
    sse_expect(&stream, "late");
    sse_expect(&stream, "newer");
    expect_silence(&stream);
    sse_close(&stream);
    free(person.token);
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
    expect_silence(&stream);
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
    expect_silence(&stream);
    sse_close(&stream);
    free(person.token);
    process_stop(&process);
}

/* ---- Many at once ---- */

enum { SENDERS = 4, EACH = 150 };

struct sender {
    pthread_t thread;
    int number;
    const struct person *to;
};

static void *send_many(void *argument)
{
    struct sender *sender = argument;
    char text[32];
    for (int i = 0; i < EACH; i++) {
        snprintf(text, sizeof text, "%d", sender->number * EACH + i);
        person_send(world.process.port, i % 2 ? &world.anna : &world.clara, sender->to, text);
    }
    call_end();
    return NULL;
}

/* Reads until all have come, and cuts the stream now and then: every message exactly once. */
static void none_is_missed_and_none_doubled(void **state)
{
    (void)state;
    static int seen[SENDERS * EACH];
    struct person person;
    struct sse stream;
    struct sender senders[SENDERS];
    char last[DLG_CURSOR_SIZE];
    person_make(&person, world.process.port);
    sse_open(&stream, world.process.port, person.token, NULL);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.number = i, .to = &person};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_many, &senders[i]), 0);
    }
    for (int count = 0; count < SENDERS * EACH; count++) {
        if (!sse_next(&stream, 15000))
            fail_msg("only %d came", count);
        char *text = sse_text(&stream);
        seen[atoi(text)]++;
        free(text);
        if (count % 97 == 50) {
            snprintf(last, sizeof last, "%s", stream.last_id);
            sse_close(&stream);
            sse_open(&stream, world.process.port, person.token, last);
        }
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    expect_silence(&stream);
    for (int i = 0; i < SENDERS * EACH; i++)
        if (seen[i] != 1)
            fail_msg("message %d came %d times", i, seen[i]);
    sse_close(&stream);
    free(person.token);
}

/* Nobody reads on the other side: the service does not keep what is not taken, and the cursor is good. */
static void who_does_not_read_is_cut_off(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    int port = world.process.port;
    struct person person;
    struct sse stream;
    char text[30001], number[16];
    person_make(&person, port);
    sse_open(&stream, port, person.token, NULL);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < COUNT; i++) {
        snprintf(number, sizeof number, "%5d", i);
        memcpy(text, number, 5);
        person_send(port, &world.anna, &person, text);
    }
    int next = 0;
    char last[DLG_CURSOR_SIZE];
    snprintf(last, sizeof last, "%s", stream.last_id);
    while (sse_next(&stream, 5000)) {
        char *got = sse_text(&stream);
        assert_int_equal(atoi(got), next++);
        free(got);
        snprintf(last, sizeof last, "%s", stream.last_id);
    }
    assert_true(stream.closed);
    assert_true(next < COUNT);
    sse_close(&stream);
    sse_open(&stream, port, person.token, next ? last : NULL);
    for (; next > 0 && next < COUNT; next++) {
        if (!sse_next(&stream, 10000))
            fail_msg("message %d did not come", next);
        char *got = sse_text(&stream);
        assert_int_equal(atoi(got), next);
        free(got);
    }
    sse_close(&stream);
    free(person.token);
}

/* ---- The end of a stream ---- */

static void a_stop_ends_streams(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    struct sse stream;
    process_start(&process, test_server_conninfo(world.server), NULL);
    process_wait_ready(&process);
    person_make(&person, process.port);
    sse_open(&stream, process.port, person.token, NULL);
    person_send(process.port, &person, &person, "last words");
    sse_expect(&stream, "last words");
    process_stop(&process);
    assert_false(sse_next(&stream, 2000));
    assert_true(stream.closed);
    sse_close(&stream);
    free(person.token);
}

static void the_token_s_end_is_the_stream_s(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    struct sse stream;
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--set", "token_lifetime_s=2", NULL});
    process_wait_ready(&process);
    person_make(&person, process.port);
    sse_open(&stream, process.port, person.token, NULL);
    assert_false(sse_next(&stream, 6000));
    assert_true(stream.closed);
    sse_close(&stream);
    free(person.token);
    process_stop(&process);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    int port = world.process.port;
    free(expect_error(&(struct call){.port = port, .path = "/events"}, 401, -DLG_E_TOKEN));
    struct call call = {.port = port, .path = "/events?after=nonsense", .token = world.anna.token};
    free(expect_error(&call, 400, -DLG_E_CURSOR));
    call.path = "/events";
    call.headers[0] = "Last-Event-ID: nonsense";
    free(expect_error(&call, 400, -DLG_E_CURSOR));
    call.headers[0] = "Accept: application/xml";
    free(expect_error(&call, 406, 406));
    struct answer answer;
    call = (struct call){.port = port, .path = "/events", .method = "HEAD", .token = world.anna.token};
    call_expect(&answer, &call, 200);
    answer_free(&answer);
}

/* Without the indexes of feeds there are no streams, and that is no fault. */
static void a_service_without_feeds_says_so(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    process_start(&process, test_server_conninfo(world.server), (const char *const[]){"--set", "feed=off", NULL});
    process_wait_ready(&process);
    person_make(&person, process.port);
    struct call call = {.port = process.port, .path = "/events", .token = person.token};
    char *said = expect_error(&call, 501, -DLG_E_STATE);
    assert_non_null(strstr(said, "follow each dialog with list"));
    free(said);
    call.path = "/events?after=";
    free(expect_error(&call, 501, -DLG_E_STATE));
    call.token = NULL;
    free(expect_error(&call, 401, -DLG_E_TOKEN));
    person_send(process.port, &person, &world.anna, "the rest works");
    free(person.token);
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_get_it),
        cmocka_unit_test(a_cut_stream_goes_on_where_it_was),
        cmocka_unit_test(a_late_commit_is_not_missed),
        cmocka_unit_test(a_late_commit_behind_a_crowd_is_not_missed),
        cmocka_unit_test(a_lively_stream_looks_more_often),
        cmocka_unit_test(what_others_wrote_is_found_now_and_then),
        cmocka_unit_test(none_is_missed_and_none_doubled),
        cmocka_unit_test(who_does_not_read_is_cut_off),
        cmocka_unit_test(a_stop_ends_streams),
        cmocka_unit_test(the_token_s_end_is_the_stream_s),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_service_without_feeds_says_so),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
