/* Bounded queues: asynchronous calls are refused at once, blocking ones wait for room. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dlg_client *open_client(struct fixture *fixture, const char *settings)
{
    return client_open(test_server_conninfo(fixture->server), settings);
}

static int post(dlg_client *client, const struct pair *pair, const char *text, struct tally *outcome, dlg_error **error)
{
    return dlg_send_async(client, &pair->ann, &pair->ben, text, DLG_NTS, NULL, tally_note, outcome, error);
}

static void wait_for(const struct tally *outcome, int replies)
{
    while (outcome->replies < replies)
        pause_ms(1);
}

static void too_many_requests_are_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct tally outcome = {0};
    dlg_error *error = NULL;
    dlg_client *client = open_client(fixture, "queue_requests=10");
    lock_table(fixture);
    for (int i = 0; i < 10; i++)
        assert_ok(post(client, &pair, "x", &outcome, &error), error);
    for (int i = 0; i < 3; i++) {
        int code = post(client, &pair, "x", &outcome, &error);
        assert_true(dlg_error_retriable(error));
        assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
        assert_fails(code, DLG_E_OVERLOAD, error);
    }
    assert_int_equal(dlg_list_async(client, &pair.ann, &pair.ben, NULL, tally_note, &outcome, NULL), DLG_E_OVERLOAD);
    dlg_stats stats = client_stats(client);
    assert_int_equal(stats.queued, 10);
    assert_int_equal(stats.overloads, 4);
    unlock_table(fixture);
    wait_for(&outcome, 10);
    assert_int_equal(outcome.stored, 10);
    assert_ok(post(client, &pair, "x", &outcome, &error), error);
    wait_for(&outcome, 11);
    client_close(client);
}

static void too_many_bytes_are_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct tally outcome = {0};
    dlg_error *error = NULL;
    dlg_client *client = open_client(fixture, "queue_bytes=100000");
    char *text = calloc(1, 30001);
    memset(text, 'x', 30000);
    lock_table(fixture);
    for (int i = 0; i < 3; i++)
        assert_ok(post(client, &pair, text, &outcome, &error), error);
    assert_fails(post(client, &pair, text, &outcome, &error), DLG_E_OVERLOAD, error);
    assert_true(client_stats(client).queued_bytes > 90000 && client_stats(client).queued_bytes <= 100000);
    unlock_table(fixture);
    wait_for(&outcome, 3);
    assert_int_equal(outcome.stored, 3);
    assert_int_equal(client_stats(client).queued_bytes, 0);
    client_close(client);
    free(text);
}

/* The bound is for the queue: a single request is always taken. */
static void one_large_request_is_taken(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = open_client(fixture, "queue_bytes=1024");
    char *text = calloc(1, 50001);
    memset(text, 'x', 50000);
    send_text(client, &pair.ann, &pair.ben, text);
    free(text);
    client_close(client);
}

/* ---- Blocking calls ---- */

struct caller {
    pthread_t thread;
    dlg_client *client;
    struct pair pair;
    int code;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    caller->code = dlg_send(NULL, caller->client, &caller->pair.ann, &caller->pair.ben, "x", 1, NULL, NULL);
    return NULL;
}

static void blocking_calls_wait_for_room(void **state)
{
    enum { CALLERS = 20 };
    struct fixture *fixture = *state;
    struct caller callers[CALLERS];
    dlg_client *client = open_client(fixture, "queue_requests=2");
    lock_table(fixture);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.client = client, .pair = pair_new()};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    pause_ms(100);
    assert_true(client_stats(client).queued <= 2);
    unlock_table(fixture);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].code, DLG_OK);
    }
    client_close(client);
}

static void blocking_calls_wait_until_their_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct tally outcome = {0};
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = 200000;
    dlg_client *client = open_client(fixture, "queue_requests=2");
    lock_table(fixture);
    for (int i = 0; i < 2; i++)
        assert_ok(post(client, &pair, "x", &outcome, &error), error);
    int64_t before = now_us();
    int code = dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, &options, &error);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    assert_fails(code, DLG_E_OVERLOAD, error);
    assert_true(now_us() - before >= 200000);
    unlock_table(fixture);
    wait_for(&outcome, 2);
    client_close(client);
}

/* Many threads, little room: nobody is forgotten. */
static void *call_often(void *argument)
{
    struct caller *caller = argument;
    for (int i = 0; i < 200 && caller->code == DLG_OK; i++)
        call(caller);
    return NULL;
}

static void nobody_is_forgotten_in_a_crowd(void **state)
{
    enum { CALLERS = 12 };
    struct fixture *fixture = *state;
    struct caller callers[CALLERS];
    struct pair pair = pair_new();
    dlg_client *client = open_client(fixture, "queue_requests=3 queue_bytes=3000 timeout_ms=120000");
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.client = client, .pair = pair};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].code, DLG_OK);
    }
    assert_int_equal(
        sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'", uuid_text(&pair.ben)),
        CALLERS * 200);
    client_close(client);
}

/* ---- Replies that nobody takes ---- */

static int post_into_the_queue(dlg_client *client, const struct pair *pair, const char *text)
{
    return dlg_send_async(client, &pair->ann, &pair->ben, text, DLG_NTS, NULL, NULL, NULL, NULL);
}

static void wait_for_untaken(dlg_client *client, uint64_t count)
{
    while (client_stats(client).untaken < count)
        pause_ms(1);
}

static void untaken_replies_are_counted(void **state)
{
    enum { ROOM = 10 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_client *client = open_client(fixture, "queue_requests=10");
    for (int i = 0; i < ROOM; i++)
        assert_int_equal(post_into_the_queue(client, &pair, "x"), DLG_OK);
    wait_for_untaken(client, ROOM);
    assert_int_equal(client_stats(client).queued, 0);
    int code = dlg_send_async(client, &pair.ann, &pair.ben, "x", 1, NULL, NULL, NULL, &error);
    assert_non_null(strstr(dlg_error_message(error), "dlg_reply_poll"));
    assert_fails(code, DLG_E_OVERLOAD, error);
    for (int i = 0; i < ROOM; i++) {
        dlg_reply_free(dlg_reply_next(client, -1));
        assert_int_equal(post_into_the_queue(client, &pair, "x"), DLG_OK); /* each makes room for one */
    }
    client_close(client);
}

/* A reply holds no text; that of a list holds its page. */
static void untaken_replies_count_with_what_they_hold(void **state)
{
    enum { COUNT = 20, TEXT = 60000 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    char *text = calloc(1, TEXT + 1);
    memset(text, 'x', TEXT);
    dlg_client *client = open_client(fixture, "queue_bytes=1000000");
    for (int i = 0; i < COUNT; i++) { /* 1.2 MB of texts: none stays behind */
        while (post_into_the_queue(client, &pair, text) != DLG_OK)
            pause_ms(1);
        wait_for_untaken(client, (uint64_t)i + 1);
    }
    assert_true(client_stats(client).untaken_bytes < COUNT * 4096);
    int lists = 0;
    while (dlg_list_async(client, &pair.ann, &pair.ben, NULL, NULL, NULL, NULL) == DLG_OK)
        wait_for_untaken(client, (uint64_t)COUNT + (uint64_t)++lists);
    assert_in_range(lists, 1, COUNT); /* each page holds some of the texts */
    assert_int_equal(post_into_the_queue(client, &pair, "x"), DLG_E_OVERLOAD);
    for (int i = 0; i < COUNT + lists; i++)
        dlg_reply_free(dlg_reply_next(client, -1));
    assert_int_equal(client_stats(client).untaken, 0);
    assert_int_equal(client_stats(client).untaken_bytes, 0);
    assert_int_equal(post_into_the_queue(client, &pair, "x"), DLG_OK);
    client_close(client);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_many_requests_are_refused_at_once),
        cmocka_unit_test(too_many_bytes_are_refused_at_once),
        cmocka_unit_test(one_large_request_is_taken),
        cmocka_unit_test(blocking_calls_wait_for_room),
        cmocka_unit_test(blocking_calls_wait_until_their_deadline),
        cmocka_unit_test(nobody_is_forgotten_in_a_crowd),
        cmocka_unit_test(untaken_replies_are_counted),
        cmocka_unit_test(untaken_replies_count_with_what_they_hold),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
