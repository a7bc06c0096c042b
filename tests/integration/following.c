/* Following a dialog at its newest end: messages that become visible late are found, and none is shown twice. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 2000 };

struct follower {
    struct fixture *fixture;
    struct pair pair;
    char cursor[DLG_CURSOR_SIZE];
    int seen[MOST]; /* how often each was shown */
};

static struct follower follower_new(struct fixture *fixture)
{
    return (struct follower){.fixture = fixture, .pair = pair_new()};
}

/* One page; false when there is no more. */
static bool follow_page(struct follower *follower, int limit)
{
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = limit;
    options.after = follower->cursor;
    const struct pair *pair = &follower->pair;
    assert_ok(dlg_list(&page, follower->fixture->client, &pair->ann, &pair->ben, &options, &error), error);
    for (size_t i = 0; i < dlg_page_count(page); i++)
        follower->seen[atoi(dlg_page_at(page, i)->text)]++;
    bool more = dlg_page_has_more(page);
    snprintf(follower->cursor, sizeof follower->cursor, "%s", dlg_page_after(page));
    dlg_page_free(page);
    return more;
}

static void follow(struct follower *follower, int limit)
{
    while (follow_page(follower, limit))
        ;
}

/* Message `number` becomes visible now, `late_ms` after its stamp. Some of the late ones share their stamp. */
static void appear(struct follower *follower, int number, int late_ms)
{
    const struct pair *pair = &follower->pair;
    bool swap = number % 3 == 0;
    sql_run(follower->fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) VALUES (%d, '%s', '%s', '%d', "
            "date_trunc('%s', clock_timestamp() - %d * interval '1 ms'))",
            (number * 7919) % 10007 + 1, uuid_text(swap ? &pair->ben : &pair->ann),
            uuid_text(swap ? &pair->ann : &pair->ben), number, late_ms && number % 2 ? "second" : "microseconds",
            late_ms);
}

static void assert_each_once(const struct follower *follower, int count)
{
    for (int i = 0; i < MOST; i++)
        if (follower->seen[i] != (i < count))
            fail_msg("message %d of %d was shown %d times", i, count, follower->seen[i]);
}

static void finds_what_appears_late(void **state)
{
    struct follower follower = follower_new(*state);
    appear(&follower, 0, 60000);
    appear(&follower, 1, 100);
    follow(&follower, 50);
    appear(&follower, 2, 8000);
    appear(&follower, 3, 0);
    follow(&follower, 50);
    appear(&follower, 4, 12000);
    follow(&follower, 50);
    follow(&follower, 50);
    assert_each_once(&follower, 5);
}

static void a_page_may_be_all_late(void **state)
{
    struct follower follower = follower_new(*state);
    appear(&follower, 0, 0);
    follow(&follower, 50);
    for (int i = 1; i < 30; i++)
        appear(&follower, i, 10000);
    follow(&follower, 1);
    assert_each_once(&follower, 30);
}

/* The last of several pages of late messages is asked for when their time is over. */
static void late_pages_may_be_read_later(void **state)
{
    struct follower follower = follower_new(*state);
    appear(&follower, 0, 0);
    follow(&follower, 50);
    for (int i = 1; i < 80; i++)
        appear(&follower, i, 14000);
    assert_true(follow_page(&follower, 10));
    pause_ms(1500);
    follow(&follower, 10);
    assert_each_once(&follower, 80);
}

/* Starting from the newest page, not from the beginning. */
static void follows_from_the_newest_page(void **state)
{
    struct follower follower = follower_new(*state);
    for (int i = 0; i < 20; i++)
        appear(&follower, i, 20000 - i * 1000);
    dlg_page *page = list_newest((*(struct fixture **)state)->client, &follower.pair, 10);
    snprintf(follower.cursor, sizeof follower.cursor, "%s", dlg_page_after(page));
    for (int i = 0; i < 20; i++)
        follower.seen[i] = 1; /* shown, or not asked for */
    dlg_page_free(page);
    appear(&follower, 20, 5500); /* behind some of the page's, before others */
    appear(&follower, 21, 0);
    follow(&follower, 3);
    assert_each_once(&follower, 22);
}

static unsigned chance(unsigned *seed, unsigned below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* However late they become visible within their time: each exactly once. */
static void finds_each_once_at_random(void **state)
{
    for (unsigned seed = 1; seed <= 30; seed++) {
        struct follower follower = follower_new(*state);
        unsigned random = seed;
        int count = 0;
        while (count < 40) {
            for (unsigned i = chance(&random, 6); i > 0 && count < 40; i--)
                appear(&follower, count++, chance(&random, 2) ? 0 : (int)chance(&random, 13000));
            follow_page(&follower, 1 + (int)chance(&random, 8));
        }
        follow(&follower, 1 + (int)chance(&random, 50));
        follow(&follower, 50);
        assert_each_once(&follower, 40);
    }
}

/* So many within that time that the cursor has no room for a name of each: still each exactly once. */
static void a_crowd_is_shown_once(void **state)
{
    enum { COUNT = 1000 };
    struct follower follower = follower_new(*state);
    unsigned random = 5;
    for (int i = 0; i < COUNT; i++) {
        appear(&follower, i, i % 5 == 4 ? (int)chance(&random, 5000) : 0);
        if (chance(&random, 20) == 0)
            follow(&follower, 1 + (int)chance(&random, 60));
    }
    follow(&follower, 50);
    assert_each_once(&follower, COUNT);
}

/* A row that is there and gone again does not hide those that come late. */
static void what_is_deleted_does_no_harm(void **state)
{
    enum { COUNT = 400 };
    struct follower follower = follower_new(*state);
    for (int i = 0; i < COUNT; i++)
        appear(&follower, i, 0);
    follow(&follower, 50);
    sql_run(follower.fixture->sql, "DELETE FROM dialogs WHERE user_id IN ('%s', '%s') AND text IN ('7', '200', '399')",
            uuid_text(&follower.pair.ann), uuid_text(&follower.pair.ben));
    appear(&follower, COUNT, 2000);
    appear(&follower, COUNT + 1, 0);
    follow(&follower, 50);
    follow(&follower, 50);
    assert_each_once(&follower, COUNT + 2);
}

/* ---- Real senders ---- */

struct sender {
    pthread_t thread;
    dlg_client *client;
    struct pair pair;
    int first;
    int count;
    _Atomic int *running;
};

static void *send_some(void *argument)
{
    struct sender *sender = argument;
    for (int i = sender->first; i < sender->first + sender->count; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        send_text(sender->client, i % 2 ? &sender->pair.ann : &sender->pair.ben,
                  i % 2 ? &sender->pair.ben : &sender->pair.ann, text);
    }
    (*sender->running)--;
    return NULL;
}

static void finds_each_of_several_senders_once(void **state)
{
    enum { SENDERS = 4, EACH = 250, ROUNDS = 10 };
    struct fixture *fixture = *state;
    dlg_client *other = client_open(test_server_conninfo(fixture->server), "");
    for (int round = 0; round < ROUNDS; round++) {
        struct follower follower = follower_new(fixture);
        struct sender senders[SENDERS];
        _Atomic int running = SENDERS;
        for (int i = 0; i < SENDERS; i++) {
            senders[i] = (struct sender){0, i % 2 ? other : fixture->client, follower.pair, i * EACH, EACH, &running};
            assert_int_equal(pthread_create(&senders[i].thread, NULL, send_some, &senders[i]), 0);
        }
        while (running)
            follow_page(&follower, 1 + 7 * round);
        for (int i = 0; i < SENDERS; i++)
            pthread_join(senders[i].thread, NULL);
        follow(&follower, 50);
        assert_each_once(&follower, SENDERS * EACH);
    }
    client_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_appears_late),      cmocka_unit_test(a_page_may_be_all_late),
        cmocka_unit_test(late_pages_may_be_read_later), cmocka_unit_test(follows_from_the_newest_page),
        cmocka_unit_test(finds_each_once_at_random),    cmocka_unit_test(a_crowd_is_shown_once),
        cmocka_unit_test(what_is_deleted_does_no_harm), cmocka_unit_test(finds_each_of_several_senders_once),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
