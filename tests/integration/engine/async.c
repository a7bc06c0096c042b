/* Asynchronous calls: one reply each, to a callback or into the queue. */
#include "client/client.h"
#include "fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void wait_until(const _Atomic int *count, int least)
{
    for (int64_t end = now_us() + 120 * 1000000; *count < least;) {
        if (now_us() > end)
            fail_msg("%d of %d", *count, least);
        pause_ms(1);
    }
}

/* ---- A storm ---- */

enum { THREADS = 8, EACH = 2500 };

struct slot {
    _Atomic int replies;
    int kind;
    struct storm *storm;
};

struct storm {
    dlg_client *client;
    struct slot slots[THREADS * EACH];
    _Atomic int total, good, wrong;
    _Atomic int next_thread;
    struct pair pair;
};

static bool is_right(const dlg_reply *reply, int kind)
{
    int code = dlg_reply_code(reply);
    bool send = dlg_reply_receipt(reply) != NULL, list = dlg_reply_page(reply) != NULL;
    bool others = dlg_reply_users(reply) || dlg_reply_token(reply) || dlg_reply_user_id(reply);
    if (kind == 2)
        return code == DLG_E_NOT_FOUND && dlg_error_code(dlg_reply_error(reply)) == code && !send && !list && !others;
    return code == DLG_OK && !dlg_reply_error(reply) && send == (kind == 0) && list == (kind == 1) && !others;
}

static void note_storm(dlg_reply *reply, void *payload)
{
    struct slot *slot = payload;
    struct storm *storm = slot->storm;
    storm->wrong += !is_right(reply, slot->kind) || dlg_reply_payload(reply) != payload;
    slot->replies++;
    dlg_reply_free(reply);
    storm->total++;
}

static void *rage(void *argument)
{
    struct storm *storm = argument;
    int thread = storm->next_thread++;
    for (int i = thread * EACH; i < (thread + 1) * EACH; i++) {
        struct slot *slot = &storm->slots[i];
        slot->kind = i % 3;
        slot->storm = storm;
        int code = slot->kind == 0 ? dlg_send_async(storm->client, &storm->pair.ann, &storm->pair.ben, "x", 1, NULL,
                                                    note_storm, slot, NULL)
                   : slot->kind == 1
                       ? dlg_list_async(storm->client, &storm->pair.ann, &storm->pair.ben, NULL, note_storm, slot, NULL)
                       : dlg_user_get_async(storm->client, &storm->pair.ann, note_storm, slot, NULL);
        storm->good += code == DLG_OK;
    }
    return NULL;
}

static void each_request_of_a_storm_has_one_reply(void **state)
{
    struct fixture *fixture = *state;
    struct storm *storm = calloc(1, sizeof *storm);
    pthread_t threads[THREADS];
    storm->client = client_open(test_server_conninfo(fixture->server), "timeout_ms=120000");
    storm->pair = pair_new();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rage, storm), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(storm->good, THREADS * EACH);
    wait_until(&storm->total, THREADS * EACH);
    assert_int_equal(storm->wrong, 0);
    dlg_stats stats = client_stats(storm->client);
    assert_int_equal(stats.requests, THREADS * EACH);
    assert_int_equal(stats.completed, THREADS * EACH);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.queued_bytes, 0);
    assert_int_equal(stats.failed, THREADS * EACH / 3);
    client_close(storm->client);
    int sent = 0;
    for (int i = 0; i < THREADS * EACH; i++) {
        assert_int_equal(storm->slots[i].replies, 1);
        sent += storm->slots[i].kind == 0;
    }
    assert_int_equal(
        sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE user_id = '%s'", uuid_text(&storm->pair.ann)),
        sent);
    free(storm);
}

/* ---- Callbacks ---- */

struct chain {
    dlg_client *client;
    struct pair pair;
    pthread_t thread;
    bool elsewhere;
    _Atomic int links;
};

static void go_on(dlg_reply *reply, void *payload)
{
    struct chain *chain = payload;
    chain->elsewhere |= chain->links && !pthread_equal(chain->thread, pthread_self());
    chain->thread = pthread_self();
    int code = dlg_reply_code(reply);
    dlg_reply_free(reply);
    if (code == DLG_OK && chain->links + 1 < 300)
        dlg_send_async(chain->client, &chain->pair.ann, &chain->pair.ben, "x", 1, NULL, go_on, chain, NULL);
    chain->links++;
}

static void a_callback_may_ask_again(void **state)
{
    struct fixture *fixture = *state;
    struct chain chain = {.client = fixture->client, .pair = pair_new()};
    assert_int_equal(dlg_send_async(chain.client, &chain.pair.ann, &chain.pair.ben, "x", 1, NULL, go_on, &chain, NULL),
                     DLG_OK);
    wait_until(&chain.links, 300);
    assert_false(chain.elsewhere);
    assert_false(pthread_equal(chain.thread, pthread_self()));
}

struct inside {
    dlg_client *client;
    struct pair pair;
    dlg_iterator *iterator;
    int codes[12];
    bool took_reply;
    _Atomic int done;
};

static void try_to_block(dlg_reply *reply, void *payload)
{
    struct inside *inside = payload;
    dlg_client *client = inside->client;
    const dlg_uuid *ann = &inside->pair.ann, *ben = &inside->pair.ben;
    dlg_page *page;
    dlg_users *users;
    dlg_user user = DLG_USER_INIT;
    const dlg_message *message;
    char *text;
    int *code = inside->codes;
    *code++ = dlg_send(NULL, client, ann, ben, "x", 1, NULL, NULL);
    *code++ = dlg_list(&page, client, ann, ben, NULL, NULL);
    *code++ = dlg_user_create(NULL, client, &user, "x", 1, NULL);
    *code++ = dlg_user_get(&users, client, ann, NULL);
    *code++ = dlg_user_search(&users, client, "", "", 1, NULL);
    *code++ = dlg_user_set_password(client, ann, "x", 1, NULL);
    *code++ = dlg_auth(&text, client, ann, "x", 1, NULL);
    *code++ = dlg_schema_install(NULL, client, NULL);
    *code++ = dlg_password_hash(&text, client, "x", 1, NULL);
    *code++ = dlg_iterator_next(&message, inside->iterator, NULL);
    *code++ = dlg_close(NULL, client, 0);
    *code++ = DLG_E_STATE;
    inside->took_reply = dlg_reply_next(client, -1) != NULL;
    dlg_iterator_free(inside->iterator);
    dlg_reply_free(reply);
    inside->done = 1;
}

static void a_callback_may_not_block(void **state)
{
    struct fixture *fixture = *state;
    struct inside inside = {.client = fixture->client, .pair = pair_new()};
    assert_int_equal(dlg_iterate(&inside.iterator, inside.client, &inside.pair.ann, &inside.pair.ben, NULL, NULL),
                     DLG_OK);
    assert_int_equal(
        dlg_list_async(inside.client, &inside.pair.ann, &inside.pair.ben, NULL, try_to_block, &inside, NULL), DLG_OK);
    wait_until(&inside.done, 1);
    for (size_t i = 0; i < sizeof inside.codes / sizeof *inside.codes; i++)
        assert_int_equal(inside.codes[i], DLG_E_STATE);
    assert_false(inside.took_reply);
    send_text(fixture->client, &inside.pair.ann, &inside.pair.ben, "still works");
}

/* ---- The reply queue ---- */

static int ask(dlg_client *client, const struct pair *pair, void *payload)
{
    return dlg_list_async(client, &pair->ann, &pair->ben, NULL, NULL, payload, NULL);
}

static bool is_readable(int fd, int milliseconds)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, milliseconds) == 1;
}

static void the_descriptor_tells_when_replies_wait(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    int fd = dlg_reply_fd(fixture->client);
    assert_true(fd >= 0);
    assert_false(is_readable(fd, 0));
    assert_null(dlg_reply_poll(fixture->client));
    for (int round = 0; round < 20; round++) {
        assert_int_equal(ask(fixture->client, &pair, &pair), DLG_OK);
        assert_int_equal(ask(fixture->client, &pair, &fd), DLG_OK);
        int first = 0, second = 0; /* reads that are under way at once may end in either order */
        for (int taken = 0; taken < 2; taken++) {
            assert_true(is_readable(fd, 60000));
            dlg_reply *reply = dlg_reply_poll(fixture->client);
            assert_non_null(reply);
            first += dlg_reply_payload(reply) == &pair;
            second += dlg_reply_payload(reply) == &fd;
            assert_non_null(dlg_reply_page(reply));
            dlg_reply_free(reply);
        }
        assert_int_equal(first, 1);
        assert_int_equal(second, 1);
        assert_false(is_readable(fd, 0));
    }
}

/* As an event loop does it: wake up, take all that there is. */
static void check_event_loop(dlg_client *client, uint32_t events)
{
    enum { COUNT = 500 };
    struct pair pair = pair_new();
    int taken = 0, loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = events};
    assert_int_equal(epoll_ctl(loop, EPOLL_CTL_ADD, dlg_reply_fd(client), &event), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(ask(client, &pair, NULL), DLG_OK);
    while (taken < COUNT) {
        assert_int_equal(epoll_wait(loop, &event, 1, 60000), 1);
        dlg_reply *reply;
        for (; (reply = dlg_reply_poll(client)); taken++) {
            assert_int_equal(dlg_reply_code(reply), DLG_OK);
            dlg_reply_free(reply);
        }
    }
    if (!(events & EPOLLET))
        assert_int_equal(epoll_wait(loop, &event, 1, 0), 0);
    close(loop);
}

static void an_event_loop_gets_all(void **state)
{
    struct fixture *fixture = *state;
    check_event_loop(fixture->client, EPOLLIN);
    for (int round = 0; round < 20; round++)
        check_event_loop(fixture->client, EPOLLIN | EPOLLET);
}

static void taking_a_reply_waits_as_long_as_it_was_told(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    int64_t before = now_us();
    assert_null(dlg_reply_next(fixture->client, 100000));
    assert_true(now_us() - before >= 100000);
    assert_int_equal(ask(fixture->client, &pair, NULL), DLG_OK);
    dlg_reply *reply = dlg_reply_next(fixture->client, -1);
    assert_non_null(reply);
    dlg_reply_free(reply);
    assert_int_equal(ask(fixture->client, &pair, NULL), DLG_OK);
    reply = dlg_reply_next(fixture->client, INT64_MAX);
    assert_non_null(reply);
    dlg_reply_free(reply);
}

struct taker {
    pthread_t thread;
    dlg_client *client;
    int taken;
};

static void *take_all(void *argument)
{
    struct taker *taker = argument;
    for (dlg_reply *reply; (reply = dlg_reply_next(taker->client, -1)); taker->taken++)
        dlg_reply_free(reply);
    return NULL;
}

static unsigned takers_waiting(dlg_client *client)
{
    pthread_mutex_lock(&client->engine.lock);
    unsigned waiting = client->engine.arrival_waiters;
    pthread_mutex_unlock(&client->engine.lock);
    return waiting;
}

static void closing_lets_takers_go(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct taker takers[3];
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    for (int i = 0; i < 3; i++) {
        takers[i] = (struct taker){.client = client};
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_all, &takers[i]), 0);
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(client, &pair, NULL), DLG_OK);
    while (client_stats(client).completed < 100 || takers_waiting(client) < 3)
        pause_ms(1);
    client_close(client);
    for (int i = 0; i < 3; i++)
        pthread_join(takers[i].thread, NULL);
    assert_int_equal(takers[0].taken + takers[1].taken + takers[2].taken, 100);
}

static void replies_outlive_the_client(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    send_text(client, &pair.ann, &pair.ben, "hi");
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(client, &pair, &pair), DLG_OK);
    dlg_reply *reply = dlg_reply_next(client, -1);
    client_close(client); /* which frees the other two */
    assert_text(dlg_page_at(dlg_reply_page(reply), 0), "hi");
    assert_ptr_equal(dlg_reply_payload(reply), &pair);
    assert_true(*dlg_page_after(dlg_reply_page(reply)) != '\0');
    dlg_reply_free(reply);
}

static void a_refused_call_has_no_reply(void **state)
{
    struct fixture *fixture = *state;
    static const dlg_uuid nil;
    dlg_client *client = fixture->client;
    dlg_user user = {.version = 77};
    assert_int_equal(dlg_send_async(client, &nil, &nil, "x", 1, NULL, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_list_async(client, &nil, &nil, NULL, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_user_create_async(client, &user, "x", 1, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_user_get_async(client, NULL, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_user_search_async(client, NULL, "", 1, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_user_set_password_async(client, NULL, "x", 1, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_auth_async(client, NULL, "x", 1, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_null(dlg_reply_next(client, 20000));
    assert_int_equal(dlg_reply_code(NULL), DLG_OK);
    assert_null(dlg_reply_error(NULL));
    assert_null(dlg_reply_page(NULL));
    dlg_reply_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_of_a_storm_has_one_reply),
        cmocka_unit_test(a_callback_may_ask_again),
        cmocka_unit_test(a_callback_may_not_block),
        cmocka_unit_test(the_descriptor_tells_when_replies_wait),
        cmocka_unit_test(an_event_loop_gets_all),
        cmocka_unit_test(taking_a_reply_waits_as_long_as_it_was_told),
        cmocka_unit_test(closing_lets_takers_go),
        cmocka_unit_test(replies_outlive_the_client),
        cmocka_unit_test(a_refused_call_has_no_reply),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
