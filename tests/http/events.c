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
    sse_expect_silence(&boris);
    sse_expect_silence(&anna);
    sse_expect_silence(&clara);
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
    sse_expect_silence(&boris);
    sse_close(&boris);
}

/* A polyfill comes again with the URL that it began with, and one parameter more. */
static void the_last_id_may_be_a_parameter(void **state)
{
    (void)state;
    int port = world.process.port;
    struct sse boris;
    char first[DLG_CURSOR_SIZE], last[DLG_CURSOR_SIZE], query[2 * DLG_CURSOR_SIZE + 64];
    sse_open(&boris, port, world.boris.token, NULL);
    person_send(port, &world.anna, &world.boris, "one");
    sse_expect(&boris, "one");
    snprintf(first, sizeof first, "%s", boris.last_id);
    person_send(port, &world.anna, &world.boris, "two");
    sse_expect(&boris, "two");
    snprintf(query, sizeof query, "?after=%s&lastEventId=%s", first, boris.last_id);
    sse_close(&boris);
    person_send(port, &world.anna, &world.boris, "three");
    sse_open_query(&boris, port, world.boris.token, NULL, query);
    sse_expect(&boris, "three");
    sse_expect_silence(&boris);
    snprintf(last, sizeof last, "%s", boris.last_id);
    sse_close(&boris);
    snprintf(query, sizeof query, "?after=&lastEventId=%s", first); /* a header overrides both */
    sse_open_query(&boris, port, world.boris.token, last, query);
    sse_expect_silence(&boris);
    sse_close(&boris);
    free(expect_error(&(struct call){.port = port, .path = "/events?lastEventId=x", .token = world.boris.token}, 400,
                      -DLG_E_CURSOR));
}

/* Clients other than browsers' take every empty line for a message, and parse its data. */
static void silence_is_no_message(void **state)
{
    (void)state;
    struct process process;
    struct sse stream;
    char last[DLG_CURSOR_SIZE];
    const char *const options[] = {"--heartbeat", "1", "--catch-up", "1", "--set", world.keys, NULL};
    process_start(&process, test_server_conninfo(world.server), options);
    process_wait_ready(&process);
    sse_open(&stream, process.port, world.clara.token, NULL);
    assert_true(sse_beats(&stream, 5, 15000));
    assert_non_null(strstr(stream.text, "event: cursor\ndata: {}\n\n"));
    assert_int_equal(count_of(stream.text, "\n\n"), count_of(stream.text, "\ndata: "));
    assert_int_equal(strncmp(stream.text, "retry: 1000\nid: ", 16), 0);
    assert_true(count_of(stream.text, "\n:\n") >= 1);
    assert_null(strstr(stream.text, "event: message"));
    snprintf(last, sizeof last, "%s", stream.last_id);
    sse_close(&stream);
    person_send(process.port, &world.anna, &world.clara, "after the cursor");
    sse_open(&stream, process.port, world.clara.token, last);
    sse_expect(&stream, "after the cursor");
    assert_int_equal(count_of(stream.text, "\n\n"), count_of(stream.text, "\ndata: "));
    sse_close(&stream);
    process_stop(&process);
}

/* ---- Many at once ---- */

/* In all fewer than a cursor remembers: those of a crowd may come again. */
enum { SENDERS = 4, EACH = 45 };

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
        if (count % 37 == 20) {
            snprintf(last, sizeof last, "%s", stream.last_id);
            sse_close(&stream);
            sse_open(&stream, world.process.port, person.token, last);
        }
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    sse_expect_silence(&stream);
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

/* One user does not take all connections; others have theirs, and one that is closed makes room. */
static void streams_of_a_user_are_bounded(void **state)
{
    (void)state;
    enum { MOST = 3 };
    struct process process;
    struct person person, other;
    struct sse streams[MOST], more;
    process_start(&process, test_server_conninfo(world.server), (const char *const[]){"--streams-per-user", "3", NULL});
    process_wait_ready(&process);
    person_make(&person, process.port);
    person_make(&other, process.port);
    for (int i = 0; i < MOST; i++)
        sse_open(&streams[i], process.port, person.token, NULL);
    struct call call = {.port = process.port, .path = "/events?after=", .token = person.token};
    char *said = expect_error(&call, 429, -DLG_E_OVERLOAD);
    assert_non_null(strstr(said, "3 are open"));
    free(said);
    call.headers[0] = "Accept: text/html, */*";
    free(expect_error(&call, 429, -DLG_E_OVERLOAD));
    call.headers[0] = "Accept: text/event-stream"; /* an EventSource: it comes again, and not soon */
    struct answer answer;
    call_expect(&answer, &call, 200);
    assert_int_equal(strncmp(answer.body, "retry: 30000\n: too many streams", 31), 0);
    assert_true(answer.length < 200);
    answer_free(&answer);
    sse_open(&more, process.port, other.token, NULL);
    sse_close(&more);
    sse_close(&streams[0]);
    for (int i = 0; i < 100 && metric_value(process.port, "dialogsd_streams") > MOST - 1; i++)
        pause_ms(20);
    sse_open(&streams[0], process.port, person.token, NULL);
    for (int i = 0; i < MOST; i++)
        sse_close(&streams[i]);
    free(person.token);
    free(other.token);
    process_stop(&process);
}

/* Texts that are longer than what is written at a time, each as one event, from the database and from the service. */
static void long_texts_come_whole(void **state)
{
    (void)state;
    enum { LONG = 60000 };
    int port = world.process.port;
    struct person person;
    struct sse stream;
    char last[DLG_CURSOR_SIZE], *text = calloc(1, LONG + 1);
    person_make(&person, port);
    for (int i = 0; i < LONG; i++)
        text[i] = (char)('a' + i % 26);
    sse_open(&stream, port, person.token, NULL);
    person_send(port, &person, &world.anna, "here");
    sse_expect(&stream, "here");
    snprintf(last, sizeof last, "%s", stream.last_id);
    sse_close(&stream);
    for (int i = 0; i < 5; i++)
        person_send(port, &person, &world.anna, text);
    sse_open(&stream, port, person.token, last);
    for (int i = 0; i < 5; i++)
        sse_expect(&stream, text);
    for (int i = 0; i < 5; i++)
        person_send(port, &person, &world.anna, text);
    for (int i = 0; i < 5; i++)
        sse_expect(&stream, text);
    sse_expect_silence(&stream);
    sse_close(&stream);
    free(text);
    free(person.token);
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
        cmocka_unit_test(silence_is_no_message),
        cmocka_unit_test(the_last_id_may_be_a_parameter),
        cmocka_unit_test(none_is_missed_and_none_doubled),
        cmocka_unit_test(who_does_not_read_is_cut_off),
        cmocka_unit_test(a_stop_ends_streams),
        cmocka_unit_test(the_token_s_end_is_the_stream_s),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(streams_of_a_user_are_bounded),
        cmocka_unit_test(long_texts_come_whole),
        cmocka_unit_test(a_service_without_feeds_says_so),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
