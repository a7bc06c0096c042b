/* Closing a client while there is work under way. */
#include "client/client.h"
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
    _Atomic int replies, stored, closed, possibly, other;
};

static void note(dlg_reply *reply, void *payload)
{
    struct outcome *outcome = payload;
    const dlg_error *error = dlg_reply_error(reply);
    outcome->stored += !error;
    outcome->closed += dlg_error_code(error) == DLG_E_CLOSED;
    outcome->other += error && dlg_error_code(error) != DLG_E_CLOSED;
    outcome->possibly += dlg_error_fate(error) == DLG_FATE_POSSIBLY_WRITTEN;
    dlg_reply_free(reply);
    outcome->replies++;
}

static void send_async(dlg_client *client, const struct pair *pair, const char *text, struct outcome *outcome)
{
    dlg_error *error = NULL;
    assert_ok(dlg_send_async(client, &pair->ann, &pair->ben, text, DLG_NTS, NULL, note, outcome, &error), error);
}

static int64_t count(struct fixture *fixture, const struct pair *pair)
{
    return sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'", uuid_text(&pair->ben));
}

static void waiting_sends_are_finished_first(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    for (int i = 0; i < 1000; i++)
        send_async(client, &pair, "x", &outcome);
    client_close(client);
    assert_int_equal(outcome.stored, 1000);
    assert_int_equal(count(fixture, &pair), 1000);
}

/* The first two batches are under way, one on each connection; the others wait. */
static void what_is_not_finished_in_time_is_counted(void **state)
{
    enum { COUNT = 50 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    size_t undelivered = 0;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "batch_messages=1 write_connections=2");
    lock_table(fixture);
    for (int i = 0; i < COUNT; i++)
        send_async(client, &pair, "x", &outcome);
    int64_t before = now_us();
    assert_int_equal(dlg_close(&undelivered, client, 200000), DLG_OK);
    int64_t took = now_us() - before;
    assert_int_equal(undelivered, COUNT);
    assert_int_equal(outcome.replies, COUNT); /* all callbacks have run */
    assert_int_equal(outcome.closed, COUNT);
    assert_true(outcome.possibly >= 1 && outcome.possibly <= 2);
    assert_true(took >= 200000 && took < 20 * 1000000);
    unlock_table(fixture);
    while (sql_number(fixture->sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'libdialogs' AND "
                                    "state = 'active'"))
        pause_ms(5);
    assert_true(count(fixture, &pair) <= outcome.possibly);
}

static void a_negative_timeout_waits_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    size_t undelivered = 0;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "close_timeout_ms=60000");
    lock_table(fixture);
    for (int i = 0; i < 10; i++)
        send_async(client, &pair, "x", &outcome);
    int64_t before = now_us();
    assert_int_equal(dlg_close_now(&undelivered, client), DLG_OK);
    assert_true(now_us() - before < 20 * 1000000);
    assert_int_equal(undelivered, 10);
    assert_int_equal(outcome.closed, 10);
    unlock_table(fixture);
}

static void *unlock_later(void *argument)
{
    struct fixture *fixture = argument;
    pause_ms(200);
    PQclear(PQexec(fixture->sql, "COMMIT"));
    return NULL;
}

static void a_close_may_wait_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    pthread_t thread;
    size_t undelivered = 7;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    lock_table(fixture);
    for (int i = 0; i < 10; i++)
        send_async(client, &pair, "x", &outcome);
    assert_int_equal(pthread_create(&thread, NULL, unlock_later, fixture), 0);
    assert_int_equal(dlg_close(&undelivered, client, INT64_MAX), DLG_OK);
    assert_int_equal(undelivered, 0);
    assert_int_equal(outcome.stored, 10);
    pthread_join(thread, NULL);
}

/* ---- Blocked callers ---- */

struct caller {
    pthread_t thread;
    dlg_client *client;
    struct pair pair;
    int code;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    dlg_error *error = NULL;
    caller->code = dlg_send(NULL, caller->client, &caller->pair.ann, &caller->pair.ben, "x", 1, NULL, &error);
    if (dlg_error_code(error) != caller->code)
        caller->code = DLG_OK;
    dlg_error_free(error);
    return NULL;
}

static unsigned callers_inside(dlg_client *client)
{
    return client->engine.queued + client->engine.callers;
}

/* Those who wait for an answer, and those who wait for room, are let go before close returns. */
static void blocked_callers_are_let_go(void **state)
{
    enum { CALLERS = 10, ROOM = 4 };
    struct fixture *fixture = *state;
    struct caller callers[CALLERS];
    size_t undelivered = 0;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "queue_requests=4");
    lock_table(fixture);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.client = client, .pair = pair_new()};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    while (callers_inside(client) < CALLERS)
        pause_ms(1);
    assert_int_equal(dlg_close(&undelivered, client, 50000), DLG_OK);
    assert_int_equal(undelivered, ROOM);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].code, DLG_E_CLOSED);
    }
    unlock_table(fixture);
}

/* ---- Callbacks, passwords ---- */

struct stubborn {
    dlg_client *client;
    struct pair pair;
    _Atomic int refused;
};

static void ask_again(dlg_reply *reply, void *payload)
{
    struct stubborn *stubborn = payload;
    dlg_reply_free(reply);
    int code = dlg_send_async(stubborn->client, &stubborn->pair.ann, &stubborn->pair.ben, "x", 1, NULL, ask_again,
                              stubborn, NULL);
    stubborn->refused += code == DLG_E_CLOSED;
}

/* What a callback asks for while the client closes is refused, so that closing ends. */
static void no_new_requests_are_taken(void **state)
{
    struct fixture *fixture = *state;
    struct stubborn stubborn = {.pair = pair_new()};
    stubborn.client = client_open(test_server_conninfo(fixture->server), "");
    for (int i = 0; i < 20; i++)
        assert_int_equal(dlg_send_async(stubborn.client, &stubborn.pair.ann, &stubborn.pair.ben, "x", 1, NULL,
                                        ask_again, &stubborn, NULL),
                         DLG_OK);
    pause_ms(20);
    client_close(stubborn.client);
    assert_int_equal(stubborn.refused, 20);
}

static void password_checks_are_counted_too(void **state)
{
    enum { LOGINS = 30 };
    struct fixture *fixture = *state;
    struct outcome outcome = {0};
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    size_t undelivered = 0;
    dlg_client *client =
        client_open(test_server_conninfo(fixture->server), "hash_threads=1 hash_memory_kib=65536 hash_operations=2");
    assert_ok(dlg_user_create(&user.id, client, &user, "x", 1, &error), error);
    for (int i = 0; i < LOGINS; i++)
        assert_ok(dlg_auth_async(client, &user.id, "x", 1, note, &outcome, &error), error);
    while (client_stats(client).hash_queued == 0)
        pause_ms(1);
    assert_int_equal(dlg_close_now(&undelivered, client), DLG_OK);
    assert_int_equal(outcome.replies, LOGINS);
    assert_int_equal(outcome.other, 0);
    assert_int_equal(outcome.closed, undelivered);
    assert_true(undelivered >= LOGINS / 2);
}

/* ---- Servers that do not answer ---- */

static void a_frozen_server_does_not_hold_it_up(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    size_t undelivered = 0;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    assert_true(test_server_freeze(fixture->server));
    for (int i = 0; i < 10; i++)
        send_async(client, &pair, "x", &outcome);
    int64_t before = now_us();
    assert_int_equal(dlg_close(&undelivered, client, 100000), DLG_OK);
    assert_true(now_us() - before < 20 * 1000000);
    assert_int_equal(undelivered, 10);
    assert_int_equal(outcome.closed, 10);
    assert_true(test_server_thaw(fixture->server));
}

static void a_client_that_never_connected_closes(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct outcome outcome = {0};
    size_t undelivered = 0;
    dlg_client *client = client_open("host=/nonexistent", "open=lazy");
    assert_false(dlg_ready(client));
    for (int i = 0; i < 10; i++)
        send_async(client, &pair, "x", &outcome);
    assert_int_equal(dlg_close(&undelivered, client, 20000), DLG_OK);
    assert_int_equal(undelivered, 10);
    assert_int_equal(outcome.closed, 10);
    assert_int_equal(outcome.possibly, 0);
    assert_int_equal(dlg_close(&undelivered, NULL, 0), DLG_OK);
    assert_int_equal(undelivered, 0);
}

static void opening_and_closing_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(dlg_close_now(NULL, client_open(test_server_conninfo(fixture->server), "open=lazy")), DLG_OK);
    for (int i = 0; i < 5; i++)
        client_close(client_open(test_server_conninfo(fixture->server), ""));
    while (sql_number(fixture->sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'libdialogs'"))
        pause_ms(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_sends_are_finished_first),
        cmocka_unit_test(what_is_not_finished_in_time_is_counted),
        cmocka_unit_test(a_negative_timeout_waits_for_nothing),
        cmocka_unit_test(a_close_may_wait_for_ever),
        cmocka_unit_test(blocked_callers_are_let_go),
        cmocka_unit_test(no_new_requests_are_taken),
        cmocka_unit_test(password_checks_are_counted_too),
        cmocka_unit_test(a_frozen_server_does_not_hold_it_up),
        cmocka_unit_test(a_client_that_never_connected_closes),
        cmocka_unit_test(opening_and_closing_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, fixture_install, fixture_close);
}
