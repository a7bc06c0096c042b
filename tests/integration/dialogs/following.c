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

#define ROW                                                                                           \
    "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) VALUES (%d, '%s', '%s', '%d', " \
    "date_trunc('%s', clock_timestamp()))"

/* Message `number` is stamped now, and visible at once, or (`slot` >= 0) when its writer commits. Some have one time.
 */
static void appear(struct follower *follower, int number, int slot)
{
    const struct pair *pair = &follower->pair;
    bool swap = number % 3 == 0;
    const char *author = uuid_text(swap ? &pair->ben : &pair->ann);
    const char *recipient = uuid_text(swap ? &pair->ann : &pair->ben);
    const char *unit = number % 4 ? "microseconds" : "milliseconds";
    int id = (number * 7919) % 10007 + 1;
    if (slot < 0)
        sql_run(follower->fixture->sql, ROW, id, author, recipient, number, unit);
    else
        late_begin(follower->fixture, slot, ROW, id, author, recipient, number, unit);
}

static void assert_each_once(const struct follower *follower, int count)
{
    for (int i = 0; i < MOST; i++)
        if (follower->seen[i] != (i < count))
            fail_msg("message %d of %d was shown %d times", i, count, follower->seen[i]);
}

/* However late: no time is long enough for a message to be given up. */
static void finds_what_commits_very_late(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower = follower_new(fixture);
    appear(&follower, 0, -1);
    appear(&follower, 1, 0);
    for (int i = 2; i < 20; i++) {
        appear(&follower, i, -1);
        follow(&follower, 50);
        pause_ms(1000);
    }
    late_commit_all(fixture);
    follow(&follower, 50);
    assert_each_once(&follower, 20);
}

static void a_page_may_be_all_late(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower = follower_new(fixture);
    for (int i = 0; i < LATE_MOST; i++)
        appear(&follower, i, i);
    appear(&follower, LATE_MOST, -1);
    follow(&follower, 50);
    late_commit_all(fixture);
    follow(&follower, 1);
    assert_each_once(&follower, LATE_MOST + 1);
}

/* The last of several pages of late messages is asked for when their time is over. */
static void late_pages_may_be_read_later(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower = follower_new(fixture);
    for (int i = 0; i < LATE_MOST; i++)
        appear(&follower, i, i);
    appear(&follower, LATE_MOST, -1);
    follow(&follower, 50);
    late_commit_all(fixture);
    assert_true(follow_page(&follower, 2));
    pause_ms(5000);
    follow(&follower, 2);
    assert_each_once(&follower, LATE_MOST + 1);
}

/* Starting from the newest page, not from the beginning. */
static void follows_from_the_newest_page(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower = follower_new(fixture);
    for (int i = 0; i < 10; i++)
        appear(&follower, i, -1);
    appear(&follower, 20, 0); /* behind some of the page's, before others */
    for (int i = 10; i < 20; i++)
        appear(&follower, i, -1);
    dlg_page *page = list_newest(fixture->client, &follower.pair, 15);
    snprintf(follower.cursor, sizeof follower.cursor, "%s", dlg_page_after(page));
    for (int i = 0; i < 20; i++)
        follower.seen[i] = 1; /* shown, or not asked for */
    dlg_page_free(page);
    late_commit_all(fixture);
    appear(&follower, 21, -1);
    follow(&follower, 3);
    assert_each_once(&follower, 22);
}

static unsigned chance(unsigned *seed, unsigned below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* Stamps messages, and lets some of them appear: those to come are `count` .. `most` - 1. */
static int appear_some(struct follower *follower, unsigned *random, int count, int most)
{
    for (unsigned i = chance(random, 6); i > 0 && count < most; i--) {
        int slot = (int)chance(random, 2 * LATE_MOST);
        bool late = slot < LATE_MOST;
        if (late && follower->fixture->late[slot])
            late_commit(follower->fixture, slot);
        else
            appear(follower, count++, late ? slot : -1);
    }
    return count;
}

static void finds_each_once_at_random(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct follower follower = follower_new(fixture);
        unsigned random = seed;
        for (int count = 0; count < 40;) {
            count = appear_some(&follower, &random, count, 40);
            follow_page(&follower, 1 + (int)chance(&random, 8));
        }
        late_commit_all(fixture);
        follow(&follower, 1 + (int)chance(&random, 50));
        follow(&follower, 50);
        assert_each_once(&follower, 40);
    }
}

/* More before the watermark comes than a cursor has room for: none is missed, and each is shown again once at most. */
static void a_crowd_is_shown_twice_at_most(void **state)
{
    enum { COUNT = 1000 };
    struct fixture *fixture = *state;
    struct follower follower = follower_new(fixture);
    unsigned random = 5;
    for (int count = 0; count < COUNT;) {
        count = appear_some(&follower, &random, count, COUNT);
        if (chance(&random, 20) == 0)
            follow(&follower, 1 + (int)chance(&random, 60));
    }
    follow(&follower, 50);
    late_commit_all(fixture);
    for (int i = 0; i < 7; i++) {
        follow(&follower, 50);
        pause_ms(1000);
    }
    for (int i = 0; i < COUNT; i++)
        assert_in_range(follower.seen[i], 1, 2);
    int again = 0;
    for (int i = 0; i < COUNT; i++)
        again += follower.seen[i];
    follow(&follower, 50);
    for (int i = 0; i < COUNT; i++)
        again -= follower.seen[i];
    assert_int_equal(again, 0);
    assert_true(strlen(follower.cursor) < 100);
}

/* A walk to the end shows each once, however much of it is new. */
static void a_walk_shows_a_crowd_once(void **state)
{
    enum { COUNT = 700 };
    struct follower follower = follower_new(*state);
    for (int i = 0; i < COUNT; i++)
        appear(&follower, i, -1);
    follow(&follower, 30);
    assert_each_once(&follower, COUNT);
}

/* A row that is there and gone again does not hide those that come late. */
static void what_is_deleted_does_no_harm(void **state)
{
    enum { COUNT = 100 };
    struct fixture *fixture = *state;
    struct follower follower = follower_new(fixture);
    appear(&follower, COUNT, 0);
    for (int i = 0; i < COUNT; i++)
        appear(&follower, i, -1);
    follow(&follower, 50);
    sql_run(fixture->sql, "DELETE FROM dialogs WHERE user_id IN ('%s', '%s') AND text IN ('7', '20', '99')",
            uuid_text(&follower.pair.ann), uuid_text(&follower.pair.ben));
    late_commit_all(fixture);
    appear(&follower, COUNT + 1, -1);
    follow(&follower, 50);
    follow(&follower, 50);
    assert_each_once(&follower, COUNT + 2);
}

/* Stamped with a clock that runs ahead, or read by a client whose clock does: that moves nobody's watermark. */
static void what_is_ahead_hides_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower = follower_new(fixture);
    sql_run(fixture->sql,
            "INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ('%s', '%s', '0', "
            "clock_timestamp() + interval '50 s')",
            uuid_text(&follower.pair.ann), uuid_text(&follower.pair.ben));
    follow(&follower, 50);
    for (int i = 1; i < 30; i++) {
        appear(&follower, i, -1);
        follow(&follower, 50);
        pause_ms(150);
    }
    assert_each_once(&follower, 30);
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

static void finds_each_of_several_senders(void **state)
{
    enum { SENDERS = 4, EACH = 250, ROUNDS = 3 };
    struct fixture *fixture = *state;
    dlg_client *clients[2]; /* of their own: the fixture's has read of a future, and stamps what it sends behind that */
    for (int i = 0; i < 2; i++)
        clients[i] = client_open(test_server_conninfo(fixture->server), "");
    for (int round = 0; round < ROUNDS; round++) {
        struct follower follower = follower_new(fixture);
        struct sender senders[SENDERS];
        _Atomic int running = SENDERS;
        for (int i = 0; i < SENDERS; i++) {
            senders[i] = (struct sender){0, clients[i % 2], follower.pair, i * EACH, EACH, &running};
            assert_int_equal(pthread_create(&senders[i].thread, NULL, send_some, &senders[i]), 0);
        }
        while (running)
            follow_page(&follower, 1 + 7 * round);
        for (int i = 0; i < SENDERS; i++)
            pthread_join(senders[i].thread, NULL);
        for (int i = 0; i < 6; i++) {
            follow(&follower, 50);
            pause_ms(1000);
        }
        for (int i = 0; i < SENDERS * EACH; i++) /* many at once may be shown again */
            assert_in_range(follower.seen[i], 1, 2);
    }
    client_close(clients[0]);
    client_close(clients[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_commits_very_late), cmocka_unit_test(a_page_may_be_all_late),
        cmocka_unit_test(late_pages_may_be_read_later), cmocka_unit_test(follows_from_the_newest_page),
        cmocka_unit_test(finds_each_once_at_random),    cmocka_unit_test(a_crowd_is_shown_twice_at_most),
        cmocka_unit_test(a_walk_shows_a_crowd_once),    cmocka_unit_test(what_is_deleted_does_no_harm),
        cmocka_unit_test(what_is_ahead_hides_nothing),  cmocka_unit_test(finds_each_of_several_senders),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
