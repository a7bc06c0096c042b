/* Ending a client while any number of threads use it: dlg_shutdown() wakes and refuses, dlg_close() frees. */
#include "fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* What the threads of a test share. */
struct crowd {
    dlg_client *client;
    struct pair pair;
    _Atomic int accepted, replies, rounds, other;
};

static void note_code(struct crowd *crowd, int code)
{
    crowd->rounds++;
    if (code != DLG_OK && code != DLG_E_CLOSED && code != DLG_E_OVERLOAD)
        crowd->other++;
}

static void *send_into_the_queue(void *argument)
{
    struct crowd *crowd = argument;
    int code;
    do {
        code = dlg_send_async(crowd->client, &crowd->pair.ann, &crowd->pair.ben, "x", 1, NULL, NULL, NULL, NULL);
        crowd->accepted += code == DLG_OK;
        note_code(crowd, code);
    } while (code != DLG_E_CLOSED);
    return NULL;
}

/* The payloads of calls that others cancel. */
static char payloads[16];

static void *send_to_be_cancelled(void *argument)
{
    struct crowd *crowd = argument;
    int code = DLG_OK;
    for (unsigned i = 0; code != DLG_E_CLOSED; i++) {
        code = dlg_send_async(crowd->client, &crowd->pair.ann, &crowd->pair.ben, "x", 1, NULL, NULL,
                              &payloads[i % sizeof payloads], NULL);
        crowd->accepted += code == DLG_OK;
        note_code(crowd, code);
    }
    return NULL;
}

static void *cancel(void *argument)
{
    struct crowd *crowd = argument;
    int code = DLG_OK;
    for (unsigned i = 0; code != DLG_E_CLOSED; i++) {
        code = dlg_cancel(crowd->client, &payloads[i % sizeof payloads], NULL);
        note_code(crowd, code);
    }
    return NULL;
}

static void *send_and_wait(void *argument)
{
    struct crowd *crowd = argument;
    int code;
    do {
        code = dlg_send(NULL, crowd->client, &crowd->pair.ann, &crowd->pair.ben, "x", 1, NULL, NULL);
        note_code(crowd, code);
    } while (code != DLG_E_CLOSED);
    return NULL;
}

static void *list_and_wait(void *argument)
{
    struct crowd *crowd = argument;
    int code;
    do {
        dlg_page *page = NULL;
        code = dlg_list(&page, crowd->client, &crowd->pair.ann, &crowd->pair.ben, NULL, NULL);
        dlg_page_free(page);
        note_code(crowd, code);
    } while (code != DLG_E_CLOSED);
    return NULL;
}

static void *walk(void *argument)
{
    struct crowd *crowd = argument;
    dlg_iterator *iterator = NULL;
    const dlg_message *message;
    int code = dlg_iterate(&iterator, crowd->client, &crowd->pair.ann, &crowd->pair.ben, NULL, NULL);
    while (code != DLG_E_CLOSED) {
        code = dlg_iterator_next(&message, iterator, NULL);
        note_code(crowd, code);
    }
    dlg_iterator_free(iterator);
    return NULL;
}

static void *take(void *argument)
{
    struct crowd *crowd = argument;
    dlg_reply *reply;
    while ((reply = dlg_reply_next(crowd->client, -1))) {
        dlg_reply_free(reply);
        crowd->replies++;
    }
    return NULL;
}

static dlg_connection_state state_of(dlg_client *client)
{
    dlg_connection_state state = DLG_CONNECTION_STATE_CONNECTING;
    assert_int_equal(dlg_connection_state_get(&state, NULL, client), DLG_OK);
    return state;
}

static void *look(void *argument)
{
    struct crowd *crowd = argument;
    while (state_of(crowd->client) != DLG_CONNECTION_STATE_CLOSED) {
        dlg_stats stats = DLG_STATS_INIT;
        crowd->other += dlg_stats_get(&stats, crowd->client) != DLG_OK;
        dlg_reply *reply = dlg_reply_poll(crowd->client);
        crowd->replies += reply != NULL;
        dlg_reply_free(reply);
    }
    return NULL;
}

static void *end(void *argument)
{
    struct crowd *crowd = argument;
    crowd->other += dlg_shutdown(NULL, crowd->client, 0) != DLG_OK;
    return NULL;
}

static void *(*const work[])(void *) = {send_into_the_queue,
                                        send_to_be_cancelled,
                                        send_to_be_cancelled,
                                        cancel,
                                        send_and_wait,
                                        send_and_wait,
                                        list_and_wait,
                                        list_and_wait,
                                        walk,
                                        take,
                                        take,
                                        take,
                                        look,
                                        look};
enum { WORKERS = sizeof work / sizeof *work, ENDERS = 3, ROUNDS = 5 };

static void end_a_busy_client(struct fixture *fixture)
{
    pthread_t threads[WORKERS], enders[ENDERS];
    struct crowd crowd = {.pair = pair_new()};
    crowd.client = client_open(test_server_conninfo(fixture->server), "queue_requests=200");
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work[i], &crowd), 0);
    while (crowd.rounds < 2000 || crowd.replies < 100)
        pause_ms(1);
    for (int i = 0; i < ENDERS; i++)
        assert_int_equal(pthread_create(&enders[i], NULL, end, &crowd), 0);
    for (int i = 0; i < ENDERS; i++)
        pthread_join(enders[i], NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.other, 0);
    assert_int_equal(crowd.replies, crowd.accepted); /* none is lost, none comes twice */
    client_close(crowd.client);
}

static void any_thread_may_end_a_client_that_others_use(void **state)
{
    for (int i = 0; i < ROUNDS; i++)
        end_a_busy_client(*state);
}

/* ---- What is left ---- */

static void every_call_is_refused_afterwards(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_users *users = NULL;
    dlg_loader *loader = NULL;
    dlg_iterator *iterator = NULL;
    char *token = NULL;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    assert_ok(dlg_iterate(&iterator, client, &pair.ann, &pair.ben, NULL, &error), error);
    assert_int_equal(dlg_shutdown(NULL, client, 0), DLG_OK);
    assert_fails(dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error), DLG_E_CLOSED, error);
    assert_fails(dlg_list(&page, client, &pair.ann, &pair.ben, NULL, &error), DLG_E_CLOSED, error);
    assert_fails(dlg_user_get(&users, client, &pair.ann, &error), DLG_E_CLOSED, error);
    assert_fails(dlg_auth(&token, client, &pair.ann, "x", 1, &error), DLG_E_CLOSED, error);
    assert_fails(dlg_token_issue(&token, client, &pair.ann, &error), DLG_E_CLOSED, error);
    assert_fails(dlg_loader_open(&loader, client, &error), DLG_E_CLOSED, error);
    assert_fails(dlg_dump(client, 1, NULL, NULL, &error), DLG_E_CLOSED, error);
    assert_fails(dlg_schema_install(NULL, client, &error), DLG_E_CLOSED, error);
    const dlg_message *message;
    assert_fails(dlg_iterator_next(&message, iterator, &error), DLG_E_CLOSED, error);
    dlg_iterator_free(iterator);
    assert_false(dlg_ready(client));
    assert_int_equal(dlg_shutdown(NULL, client, 0), DLG_OK);
    client_close(client);
}

/* Replies that were in the queue can be taken; whoever polls its descriptor hears of the end. */
static void replies_can_be_taken_afterwards(void **state)
{
    enum { COUNT = 5 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    struct pollfd queue = {.fd = dlg_reply_fd(client), .events = POLLIN};
    assert_int_equal(poll(&queue, 1, 0), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(dlg_send_async(client, &pair.ann, &pair.ben, "x", 1, NULL, NULL, NULL, NULL), DLG_OK);
    size_t undelivered = 7;
    assert_int_equal(dlg_shutdown(&undelivered, client, -1), DLG_OK);
    assert_int_equal(undelivered, 0);
    for (int i = 0; i < COUNT; i++) {
        dlg_reply *reply = i % 2 ? dlg_reply_next(client, -1) : dlg_reply_poll(client);
        assert_int_equal(dlg_reply_code(reply), DLG_OK);
        dlg_reply_free(reply);
    }
    assert_null(dlg_reply_next(client, -1));
    assert_null(dlg_reply_poll(client));
    assert_int_equal(poll(&queue, 1, 0), 1);
    assert_int_equal(client_stats(client).sends, COUNT);
    client_close(client);
}

/* ---- Who may, and for how long ---- */

struct long_end {
    pthread_t thread;
    dlg_client *client;
    size_t undelivered;
    int code;
};

static void *end_without_limit(void *argument)
{
    struct long_end *long_end = argument;
    long_end->code = dlg_shutdown(&long_end->undelivered, long_end->client, -1);
    return NULL;
}

static void a_shorter_time_ends_a_longer_one(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct tally tally = {0};
    struct long_end long_end = {.client = client_open(test_server_conninfo(fixture->server), "")};
    lock_table(fixture);
    assert_int_equal(dlg_send_async(long_end.client, &pair.ann, &pair.ben, "x", 1, NULL, tally_note, &tally, NULL),
                     DLG_OK);
    assert_int_equal(pthread_create(&long_end.thread, NULL, end_without_limit, &long_end), 0);
    while (state_of(long_end.client) != DLG_CONNECTION_STATE_CLOSED)
        pause_ms(1);
    size_t undelivered = 0;
    assert_int_equal(dlg_shutdown(&undelivered, long_end.client, 1000), DLG_OK);
    pthread_join(long_end.thread, NULL);
    assert_int_equal(long_end.code, DLG_OK);
    assert_int_equal(undelivered, 1);
    assert_int_equal(long_end.undelivered, 1);
    assert_int_equal(tally.replies, 1);
    assert_int_equal(dlg_close(NULL, long_end.client, 0), DLG_OK);
    unlock_table(fixture);
}

static void end_inside(dlg_reply *reply, void *payload)
{
    struct crowd *crowd = payload;
    dlg_reply_free(reply);
    crowd->accepted = dlg_shutdown(NULL, crowd->client, 0) == DLG_E_STATE;
    crowd->replies++;
}

static void a_callback_cannot_end_its_client(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowd = {.pair = pair_new()};
    crowd.client = client_open(test_server_conninfo(fixture->server), "");
    assert_int_equal(
        dlg_send_async(crowd.client, &crowd.pair.ann, &crowd.pair.ben, "x", 1, NULL, end_inside, &crowd, NULL), DLG_OK);
    while (crowd.replies == 0)
        pause_ms(1);
    assert_int_equal(crowd.accepted, 1);
    assert_int_equal(dlg_shutdown(NULL, NULL, 0), DLG_E_ARGUMENT);
    client_close(crowd.client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_thread_may_end_a_client_that_others_use),
        cmocka_unit_test(every_call_is_refused_afterwards),
        cmocka_unit_test(replies_can_be_taken_afterwards),
        cmocka_unit_test(a_shorter_time_ends_a_longer_one),
        cmocka_unit_test(a_callback_cannot_end_its_client),
    };
    return cmocka_run_group_tests(tests, fixture_install, fixture_close);
}
