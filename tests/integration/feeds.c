/* A user's feed: the messages of all their dialogs, each once, also those that become visible late. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4000, PEERS = 5 };

struct reader {
    struct fixture *fixture;
    dlg_uuid user;
    dlg_uuid peers[PEERS];
    char cursor[DLG_CURSOR_SIZE];
    int seen[MOST]; /* how often each was shown */
};

static struct reader reader_new(struct fixture *fixture)
{
    struct reader reader = {.fixture = fixture};
    dlg_uuid_random(&reader.user);
    for (int i = 0; i < PEERS; i++)
        dlg_uuid_random(&reader.peers[i]);
    return reader;
}

static dlg_page *feed(struct reader *reader, dlg_list_options options)
{
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    assert_ok(dlg_feed(&page, reader->fixture->client, &reader->user, &options, &error), error);
    return page;
}

static dlg_page *feed_after(struct reader *reader, int limit)
{
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = limit;
    options.after = reader->cursor;
    return feed(reader, options);
}

static void follow(struct reader *reader, int limit)
{
    for (bool more = true; more;) {
        dlg_page *page = feed_after(reader, limit);
        for (size_t i = 0; i < dlg_page_count(page); i++)
            reader->seen[atoi(dlg_page_at(page, i)->text)]++;
        more = dlg_page_has_more(page);
        snprintf(reader->cursor, sizeof reader->cursor, "%s", dlg_page_after(page));
        dlg_page_free(page);
    }
}

/* Message `number` becomes visible now, `late_ms` after its stamp: to or from one of the peers. */
static void appear(struct reader *reader, int number, int late_ms)
{
    const dlg_uuid *peer = &reader->peers[number % PEERS];
    bool from = number % 3 == 0;
    sql_run(reader->fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) VALUES (%d, '%s', '%s', '%d', "
            "date_trunc('%s', clock_timestamp() - %d * interval '1 ms'))",
            (number * 7919) % 10007 + 1, uuid_text(from ? &reader->user : peer), uuid_text(from ? peer : &reader->user),
            number, late_ms && number % 2 ? "second" : "microseconds", late_ms);
}

static void assert_each_once(const struct reader *reader, int count)
{
    for (int i = 0; i < MOST; i++)
        if (reader->seen[i] != (i < count))
            fail_msg("message %d of %d was shown %d times", i, count, reader->seen[i]);
}

static void has_all_dialogs_in_order(void **state)
{
    struct reader reader = reader_new(*state);
    dlg_uuid stranger;
    char text[16];
    dlg_uuid_random(&stranger);
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof text, "%d", i);
        const dlg_uuid *peer = &reader.peers[i % PEERS];
        if (i == 15) /* to oneself: once, not twice */
            send_text(reader.fixture->client, &reader.user, &reader.user, text);
        else if (i % 2)
            send_text(reader.fixture->client, peer, &reader.user, text);
        else
            send_text(reader.fixture->client, &reader.user, peer, text);
        send_text(reader.fixture->client, peer, &stranger, "not ours");
    }
    dlg_page *page = feed_after(&reader, 100);
    assert_int_equal(dlg_page_count(page), 30);
    assert_false(dlg_page_has_more(page));
    for (int i = 0; i < 30; i++) {
        const dlg_message *message = dlg_page_at(page, (size_t)i);
        snprintf(text, sizeof text, "%d", i);
        assert_text(message, text);
        const dlg_uuid *peer = i == 15 ? &reader.user : &reader.peers[i % PEERS];
        assert_int_equal(dlg_uuid_compare(&message->author, i % 2 ? peer : &reader.user), 0);
        assert_int_equal(dlg_uuid_compare(&message->recipient, i % 2 ? &reader.user : peer), 0);
    }
    dlg_page_free(page);
}

static void pages_go_both_ways(void **state)
{
    struct reader reader = reader_new(*state);
    char cursor[DLG_CURSOR_SIZE] = "";
    for (int i = 0; i < 25; i++)
        appear(&reader, i, 25000 - 1000 * i);
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = 10;
    options.before = cursor;
    int expected = 24;
    for (int pages = 0; pages < 3; pages++) {
        dlg_page *page = feed(&reader, options);
        for (size_t i = dlg_page_count(page); i > 0; i--)
            assert_int_equal(atoi(dlg_page_at(page, i - 1)->text), expected--);
        assert_int_equal(dlg_page_has_more(page), pages < 2);
        snprintf(cursor, sizeof cursor, "%s", dlg_page_before(page));
        dlg_page_free(page);
    }
    assert_int_equal(expected, -1);
}

static void finds_each_once_however_late(void **state)
{
    for (unsigned seed = 1; seed <= 10; seed++) {
        struct reader reader = reader_new(*state);
        srand(seed);
        int count = 0;
        while (count < 150) {
            for (int i = rand() % 20; i > 0 && count < 150; i--)
                appear(&reader, count++, rand() % 2 ? 0 : rand() % 13000);
            follow(&reader, 1 + rand() % 30);
        }
        follow(&reader, 100);
        assert_each_once(&reader, 150);
    }
}

/* So many within the time in which messages may be late that the cursor has no room for a name of each. */
static void finds_each_once_in_a_crowd(void **state)
{
    struct reader reader = reader_new(*state);
    int count = 0;
    srand(11);
    while (count < 3000) {
        for (int i = 1 + rand() % 200; i > 0 && count < 3000; i--)
            appear(&reader, count++, rand() % 10 ? 0 : rand() % 6000);
        follow(&reader, 50 + rand() % 100);
    }
    follow(&reader, 100);
    assert_each_once(&reader, 3000);
}

/* So many late ones that they cannot be told from what was seen: shown again rather than missed. */
static void none_is_missed_when_too_many_are_late(void **state)
{
    struct reader reader = reader_new(*state);
    for (int i = 0; i < 400; i++)
        appear(&reader, i, 0);
    follow(&reader, 100);
    for (int i = 400; i < 800; i++)
        appear(&reader, i, 3000);
    follow(&reader, 100);
    for (int i = 0; i < 800; i++)
        assert_in_range(reader.seen[i], 1, i < 400 ? 2 : 1);
    int before = reader.seen[0];
    follow(&reader, 100);
    assert_int_equal(reader.seen[0], before);
}

/* `count` messages at once, that became visible now, with this text. */
static void appear_many(struct reader *reader, int count, int text, const char *late)
{
    static int next = 20000;
    sql_run(reader->fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT %d + n, '%s', '%s', '%d', "
            "clock_timestamp() - interval '%s' FROM generate_series(1, %d) AS n",
            next, uuid_text(&reader->peers[0]), uuid_text(&reader->user), text, late, count);
    next += count;
}

/* The place from which to follow: behind the first `shown` of the newest `limit` messages. */
static void begin_at_newest(struct reader *reader, int limit, size_t shown)
{
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = limit;
    dlg_page *page = feed(reader, options);
    for (size_t i = 0; i < shown; i++)
        reader->seen[atoi(dlg_page_at(page, i)->text)]++;
    assert_int_equal(dlg_page_cursor(reader->cursor, page, shown), DLG_OK);
    dlg_page_free(page);
}

/* What came before the newest page is not shown when it is followed; what comes late between it is. */
static void following_begins_at_the_newest_page(void **state)
{
    for (int crowd = 0; crowd <= 1000; crowd = 10 * crowd + 10) {
        struct reader reader = reader_new(*state);
        appear_many(&reader, 1, MOST - 1, "1 minute");
        appear_many(&reader, crowd / 2, MOST - 1, "14 seconds");
        appear_many(&reader, crowd / 2, MOST - 1, "0 seconds");
        for (int i = 0; i < 5; i++)
            appear(&reader, i, 0);
        begin_at_newest(&reader, 3, 2);
        for (int i = 5; i < 50; i++)
            appear(&reader, i, (i - 5) * 300); /* before the page, and behind it */
        follow(&reader, 7);
        reader.seen[0] = reader.seen[1] = 1; /* not asked for */
        assert_each_once(&reader, 50);
    }
}

/* More within the time in which messages may be late than a cursor remembers: of the newest it does. */
static void following_begins_behind_more_than_is_remembered(void **state)
{
    struct reader reader = reader_new(*state);
    appear_many(&reader, 9000, MOST - 1, "8 seconds");
    appear_many(&reader, 8000, MOST - 1, "4 seconds");
    appear(&reader, 0, 0);
    begin_at_newest(&reader, 1, 0);
    for (int i = 1; i < 100; i++)
        appear(&reader, i, i % 4 ? 0 : 2000);
    follow(&reader, 50);
    assert_each_once(&reader, 100);
}

/* Handing a page on message by message: whoever stops after any of them loses none. */
static void every_message_has_its_cursor(void **state)
{
    for (size_t stop = 0; stop <= 20; stop += 4) {
        struct reader reader = reader_new(*state);
        for (int i = 0; i < 20; i++)
            appear(&reader, i, 20000 - 900 * i);
        dlg_page *page = feed_after(&reader, 50);
        assert_int_equal(dlg_page_count(page), 20);
        for (size_t i = 0; i < stop; i++)
            reader.seen[atoi(dlg_page_at(page, i)->text)]++;
        assert_int_equal(dlg_page_cursor(reader.cursor, page, stop), DLG_OK);
        assert_int_equal(dlg_page_cursor(reader.cursor, page, 21), DLG_E_ARGUMENT);
        dlg_page_free(page);
        follow(&reader, 7);
        assert_each_once(&reader, 20);
    }
}

/* What became known by other means is not shown again, and what lies before it is not lost. */
static void messages_may_come_by_other_means(void **state)
{
    struct reader reader = reader_new(*state);
    appear(&reader, 0, 0);
    follow(&reader, 50);
    for (int i = 1; i < 600; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        const dlg_uuid *peer = &reader.peers[i % PEERS];
        if (i % 5 == 0) {
            appear(&reader, i, 3000); /* behind the others, and nobody says so */
            continue;
        }
        dlg_receipt receipt = send_text(reader.fixture->client, peer, &reader.user, text);
        const dlg_message_input message = {.version = DLG_MESSAGE_INPUT_VERSION,
                                           .id = receipt.id,
                                           .author = *peer,
                                           .recipient = reader.user,
                                           .created_us = receipt.created_us};
        assert_int_equal(dlg_feed_cursor(reader.cursor, &reader.user, &message), DLG_OK);
        reader.seen[i]++;
    }
    follow(&reader, 9);
    assert_each_once(&reader, 600);
}

static void refuses_what_is_not_the_users(void **state)
{
    struct reader reader = reader_new(*state);
    struct reader other = reader_new(*state);
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    dlg_client *client = reader.fixture->client;
    const dlg_uuid nil = {{0}};
    appear(&reader, 0, 0);
    follow(&reader, 50);
    options.after = reader.cursor;
    assert_fails(dlg_feed(&page, client, &other.user, &options, &error), DLG_E_CURSOR, error);
    assert_fails(dlg_list(&page, client, &reader.user, &reader.user, &options, &error), DLG_E_CURSOR, error);
    assert_fails(dlg_feed(&page, client, &nil, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_feed(NULL, client, &reader.user, NULL, &error), DLG_E_ARGUMENT, error);
    assert_null(page);
    const dlg_message_input message = {.version = DLG_MESSAGE_INPUT_VERSION,
                                       .id = 1,
                                       .author = reader.user,
                                       .recipient = reader.peers[0],
                                       .created_us = 1};
    assert_int_equal(dlg_feed_cursor(reader.cursor, &other.user, &message), DLG_E_ARGUMENT);
    assert_int_equal(dlg_feed_cursor(reader.cursor, &reader.peers[0], &message), DLG_E_CURSOR);
}

static void answers_asynchronously_too(void **state)
{
    struct reader reader = reader_new(*state);
    dlg_error *error = NULL;
    appear(&reader, 0, 0);
    assert_ok(dlg_feed_async(reader.fixture->client, &reader.user, NULL, NULL, &reader, &error), error);
    dlg_reply *reply = dlg_reply_next(reader.fixture->client, -1);
    assert_ptr_equal(dlg_reply_payload(reply), &reader);
    assert_int_equal(dlg_page_count(dlg_reply_page(reply)), 1);
    dlg_reply_free(reply);
}

static int open_with_feeds(void **state)
{
    if (fixture_open(state) < 0)
        return -1;
    struct fixture *fixture = *state;
    client_close(fixture->client);
    fixture->client = client_open(test_server_conninfo(fixture->server), "feed=on");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_all_dialogs_in_order),
        cmocka_unit_test(pages_go_both_ways),
        cmocka_unit_test(finds_each_once_however_late),
        cmocka_unit_test(finds_each_once_in_a_crowd),
        cmocka_unit_test(none_is_missed_when_too_many_are_late),
        cmocka_unit_test(following_begins_at_the_newest_page),
        cmocka_unit_test(following_begins_behind_more_than_is_remembered),
        cmocka_unit_test(every_message_has_its_cursor),
        cmocka_unit_test(messages_may_come_by_other_means),
        cmocka_unit_test(refuses_what_is_not_the_users),
        cmocka_unit_test(answers_asynchronously_too),
    };
    return cmocka_run_group_tests(tests, open_with_feeds, fixture_close);
}
