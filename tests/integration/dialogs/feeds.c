/* A user's feed: the messages of all their dialogs, each once, also those that become visible late. */
#include "fixture.h"

#include <signal.h>
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

#define ROW                                                                                           \
    "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) VALUES (%d, '%s', '%s', '%d', " \
    "clock_timestamp() - %d * interval '1 ms')"

static int row_id(int number)
{
    return (number * 7919) % 10007 + 1;
}

/* Message `number`, to or from one of the peers, becomes visible now; it was stamped, or loaded, `age_ms` ago. */
static void appear(struct reader *reader, int number, int age_ms)
{
    const dlg_uuid *peer = &reader->peers[number % PEERS];
    bool from = number % 3 == 0;
    sql_run(reader->fixture->sql, ROW, row_id(number), uuid_text(from ? &reader->user : peer),
            uuid_text(from ? peer : &reader->user), number, age_ms);
}

/* The same, stamped now; it becomes visible when its writer commits. */
static void stamp(struct reader *reader, int number, int slot)
{
    const dlg_uuid *peer = &reader->peers[number % PEERS];
    bool from = number % 3 == 0;
    late_begin(reader->fixture, slot, ROW, row_id(number), uuid_text(from ? &reader->user : peer),
               uuid_text(from ? peer : &reader->user), number, 0);
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

static int appear_some(struct reader *reader, int count, int most)
{
    for (int i = rand() % 20; i > 0 && count < most; i--) {
        int slot = rand() % (2 * LATE_MOST);
        if (slot >= LATE_MOST)
            appear(reader, count++, 0);
        else if (reader->fixture->late[slot])
            late_commit(reader->fixture, slot);
        else
            stamp(reader, count++, slot);
    }
    return count;
}

static void finds_each_once_however_late(void **state)
{
    for (unsigned seed = 1; seed <= 6; seed++) {
        struct reader reader = reader_new(*state);
        srand(seed);
        for (int count = 0; count < 100;) {
            count = appear_some(&reader, count, 100);
            follow(&reader, 1 + rand() % 30);
        }
        late_commit_all(*state);
        follow(&reader, 100);
        assert_each_once(&reader, 100);
    }
}

/* More than the cursor has room for, before the watermark comes: none is missed, each is shown again once at most. */
static void none_is_missed_in_a_crowd(void **state)
{
    enum { COUNT = 1200 };
    struct reader reader = reader_new(*state);
    srand(11);
    for (int count = 0; count < COUNT;) {
        count = appear_some(&reader, count, COUNT);
        follow(&reader, 50 + rand() % 100);
    }
    late_commit_all(*state);
    for (int i = 0; i < 7; i++) {
        follow(&reader, 100);
        pause_ms(1000);
    }
    for (int i = 0; i < COUNT; i++)
        assert_in_range(reader.seen[i], 1, 2);
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
    struct fixture *fixture = *state;
    for (int crowd = 0; crowd <= 100; crowd += 50) {
        struct reader reader = reader_new(fixture);
        appear_many(&reader, 1, MOST - 1, "1 minute");
        appear_many(&reader, 500, MOST - 1, "14 seconds");
        stamp(&reader, 5, 0);
        appear_many(&reader, crowd, MOST - 1, "0 seconds");
        stamp(&reader, 6, 1);
        for (int i = 0; i < 5; i++) {
            appear(&reader, i, 0);
            if (i > 0)
                stamp(&reader, i + 6, i + 1); /* before the page, and between it */
        }
        begin_at_newest(&reader, 3, 2);
        late_commit_all(fixture);
        for (int i = 11; i < 50; i++)
            appear(&reader, i, 0);
        follow(&reader, 7);
        reader.seen[0] = reader.seen[1] = 1; /* not asked for */
        assert_each_once(&reader, 50);
    }
}

/* Among more than a cursor has room for: what comes late is shown, with those among which it is. */
static void following_begins_in_a_crowd(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader = reader_new(fixture);
    stamp(&reader, 1, 0);
    appear_many(&reader, 300, MOST - 1, "0 seconds");
    appear(&reader, 0, 0);
    begin_at_newest(&reader, 1, 1);
    late_commit_all(fixture);
    for (int i = 0; i < 7; i++) {
        follow(&reader, 100);
        pause_ms(1000);
    }
    assert_in_range(reader.seen[0], 1, 2);
    assert_int_equal(reader.seen[1], 1);
}

/* The place from which to follow, asked for before a slow server has told its clock. */
static void begin_slowly(struct reader *reader)
{
    dlg_client *client = reader->fixture->client;
    dlg_error *error = NULL;
    pid_t server = (pid_t)sql_number(reader->fixture->sql, "SELECT pid FROM pg_stat_activity WHERE application_name = "
                                                           "'libdialogs reads' ORDER BY backend_start DESC LIMIT 1");
    assert_int_equal(kill(server, SIGSTOP), 0);
    assert_ok(dlg_feed_async(client, &reader->user, NULL, NULL, NULL, &error), error);
    pause_ms(700);
    assert_int_equal(kill(server, SIGCONT), 0);
    dlg_reply *reply = dlg_reply_next(client, -1);
    assert_int_equal(dlg_reply_code(reply), DLG_OK);
    snprintf(reader->cursor, sizeof reader->cursor, "%s", dlg_page_after(dlg_reply_page(reply)));
    dlg_reply_free(reply);
}

/* Other nodes' clocks may be ahead: more than a cursor has room for lies before the page, and what is stamped now lies
 * before all of that. */
static void what_a_slow_server_stamps_is_not_missed(void **state)
{
    struct fixture fixture = *(struct fixture *)*state;
    struct reader reader = reader_new(&fixture);
    appear_many(&reader, 300, MOST - 1, "-5 seconds");
    fixture.client = client_open(test_server_conninfo(fixture.server),
                                 "feed=on read_connections=1 operation_names=application_name");
    begin_slowly(&reader);
    appear(&reader, 0, 0);
    for (int i = 0; i < 60 && !reader.seen[0]; i++) {
        follow(&reader, 100);
        pause_ms(500);
    }
    assert_in_range(reader.seen[0], 1, 2);
    client_close(fixture.client);
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
    for (int i = 1; i < 200; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        const dlg_uuid *peer = &reader.peers[i % PEERS];
        if (i % 5 == 0) {
            appear(&reader, i, 0); /* and nobody says so */
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
    assert_each_once(&reader, 200);
}

/* A full cursor says so and stays as it was: what it did not take is shown. */
static void a_full_cursor_takes_no_more(void **state)
{
    enum { COUNT = 250, ROOM = 192 };
    struct reader reader = reader_new(*state);
    char before[DLG_CURSOR_SIZE];
    appear(&reader, 0, 0);
    follow(&reader, 50);
    for (int i = 1; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        dlg_receipt receipt = send_text(reader.fixture->client, &reader.peers[0], &reader.user, text);
        const dlg_message_input message = {.version = DLG_MESSAGE_INPUT_VERSION,
                                           .id = receipt.id,
                                           .author = reader.peers[0],
                                           .recipient = reader.user,
                                           .created_us = receipt.created_us};
        memcpy(before, reader.cursor, sizeof before);
        int code = dlg_feed_cursor(reader.cursor, &reader.user, &message);
        if (code == DLG_E_OVERLOAD)
            assert_string_equal(before, reader.cursor);
        else
            reader.seen[i]++;
        assert_int_equal(code, i < ROOM ? DLG_OK : DLG_E_OVERLOAD);
    }
    follow(&reader, 100);
    assert_each_once(&reader, COUNT);
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
        cmocka_unit_test(none_is_missed_in_a_crowd),
        cmocka_unit_test(following_begins_at_the_newest_page),
        cmocka_unit_test(following_begins_in_a_crowd),
        cmocka_unit_test(what_a_slow_server_stamps_is_not_missed),
        cmocka_unit_test(every_message_has_its_cursor),
        cmocka_unit_test(messages_may_come_by_other_means),
        cmocka_unit_test(a_full_cursor_takes_no_more),
        cmocka_unit_test(refuses_what_is_not_the_users),
        cmocka_unit_test(answers_asynchronously_too),
    };
    return cmocka_run_group_tests(tests, open_with_feeds, fixture_close);
}
