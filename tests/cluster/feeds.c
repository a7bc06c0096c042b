/* Feeds of a cluster: wanted after the tables were distributed or before, and asked of any node. */
#include "check.h"

#include "operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 20, MESSAGES = 3000, SHARDS = 8, LIMIT = 100 };

static struct test_cluster *cluster;

static int start(void **state)
{
    (void)state;
    cluster = test_cluster_start(2, NULL);
    if (!cluster)
        return -1;
    dlg_client *client = operator_open(cluster, 0, NULL, NULL);
    operator_fill(cluster, USERS, MESSAGES);
    operator_distribute(client, SHARDS);
    return dlg_close(NULL, client, 0) == DLG_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    test_cluster_free(cluster);
    return 0;
}

static dlg_client *open_with_feed(int node)
{
    return operator_open(cluster, node, "feed", "on");
}

/* One of those that operator_fill() makes. */
static dlg_uuid user_id(int number)
{
    dlg_uuid user;
    char *text = test_cluster_value(cluster, 0, "SELECT md5('user %d')::uuid", number);
    assert_int_equal(dlg_uuid_parse(&user, text, strlen(text)), DLG_OK);
    free(text);
    return user;
}

static int64_t messages_of(const dlg_uuid *user)
{
    char id[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(id, user);
    return test_cluster_number(cluster, 0, "SELECT count(*) FROM dialogs WHERE '%s' IN (user_id, to_user_id)", id);
}

/* The whole feed, or dialog, from the cursor on, which follows it; how many messages that were, in order. */
static int follow_with(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, char *cursor)
{
    dlg_error *error = NULL;
    int count = 0;
    int64_t last_us = 0;
    for (int more = 1; more;) {
        dlg_list_options options = DLG_LIST_OPTIONS_INIT;
        dlg_page *page = NULL;
        options.limit = LIMIT;
        options.after = cursor;
        int code = peer ? dlg_list(&page, client, user, peer, &options, &error)
                        : dlg_feed(&page, client, user, &options, &error);
        assert_ok(code, error);
        for (size_t i = 0; i < dlg_page_count(page); i++, count++) {
            assert_true(dlg_page_at(page, i)->created_us >= last_us);
            last_us = dlg_page_at(page, i)->created_us;
        }
        more = dlg_page_has_more(page);
        snprintf(cursor, DLG_CURSOR_SIZE, "%s", dlg_page_after(page));
        dlg_page_free(page);
    }
    return count;
}

static int follow(dlg_client *client, const dlg_uuid *user, char *cursor)
{
    return follow_with(client, user, NULL, cursor);
}

/* `count` messages of the two, one way and the other, that became visible now. */
static void appear(const dlg_uuid *user, const dlg_uuid *peer, int count, const char *late)
{
    static int64_t last = 2000000;
    char id[DLG_UUID_TEXT_SIZE], other[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(id, user);
    dlg_uuid_format(other, peer);
    for (int way = 0; way < 2; way++, last += count)
        assert_true(test_cluster_execute(cluster, 0,
                                         "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT "
                                         "%lld + n, '%s', '%s', 'one', clock_timestamp() - interval '%s' FROM "
                                         "generate_series(1, %d) AS n",
                                         (long long)last, way ? id : other, way ? other : id, late, count));
}

/* Many, then some that were committed late: of the feed, or of a dialog. */
static void check_crowd(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, bool feed)
{
    enum { CROWD = 30, LATE = 5 };
    char cursor[DLG_CURSOR_SIZE] = "";
    const dlg_uuid *with = feed ? NULL : peer;
    appear(user, peer, 1, "20 s");
    follow_with(client, user, with, cursor);
    appear(user, peer, CROWD, "0 s");
    assert_int_equal(follow_with(client, user, with, cursor), 2 * CROWD);
    appear(user, peer, LATE, "1 s");
    appear(user, peer, LATE, "0 s");
    assert_int_equal(follow_with(client, user, with, cursor), 4 * LATE);
    assert_int_equal(follow_with(client, user, with, cursor), 0);
}

/* Followed from the newest page, the feed shows what comes late before it, and not what was there. */
static void check_beginning(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer)
{
    enum { CROWD = 30, LATE = 5 };
    char cursor[DLG_CURSOR_SIZE];
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = 1;
    appear(user, peer, CROWD, "0 s");
    assert_ok(dlg_feed(&page, client, user, &options, &error), error);
    snprintf(cursor, sizeof cursor, "%s", dlg_page_after(page));
    dlg_page_free(page);
    appear(user, peer, LATE, "1 s");
    assert_int_equal(follow(client, user, cursor), 2 * LATE);
    assert_int_equal(follow(client, user, cursor), 0);
}

/* Asked of a node, the feed has all there is, then what comes, in time or late. */
static void check_feed(dlg_client *client, dlg_client *writer, int number)
{
    dlg_error *error = NULL;
    dlg_uuid user = user_id(number), peer = user_id(number + 1);
    char cursor[DLG_CURSOR_SIZE] = "", id[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(id, &user);
    assert_true(messages_of(&user) > 2 * LIMIT);
    sleep(4); /* these are more than a cursor remembers: let the watermark pass them */
    assert_int_equal(follow(client, &user, cursor), messages_of(&user));
    assert_int_equal(follow(client, &user, cursor), 0);
    assert_ok(dlg_send(NULL, writer, &user, &peer, "from", DLG_NTS, NULL, &error), error);
    assert_ok(dlg_send(NULL, writer, &peer, &user, "to", DLG_NTS, NULL, &error), error);
    assert_int_equal(follow(client, &user, cursor), 2);
    assert_true(test_cluster_execute(cluster, 0,
                                     "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) VALUES "
                                     "(%d, '%s', '%s', 'late', clock_timestamp() - interval '1 s')",
                                     1000000 + number, id, id));
    assert_int_equal(follow(client, &user, cursor), 1);
    assert_int_equal(follow(client, &user, cursor), 0);
    check_crowd(client, &user, &peer, true);
    check_crowd(client, &user, &peer, false);
    sleep(4);
    check_beginning(client, &user, &peer);
}

static void check_indexes(void)
{
    for (int node = 1; node <= 2; node++)
        assert_int_equal(test_cluster_number(cluster, node,
                                             "SET citus.override_table_visibility = off; SELECT count(*) FROM "
                                             "pg_index WHERE indisvalid AND indexrelid::regclass::text ~ "
                                             "'^ix_dialogs_feed_(from|to)_[0-9]+$'"),
                         SHARDS);
}

static void wanted_after_the_tables_were_distributed(void **state)
{
    (void)state;
    dlg_client *writer = operator_open(cluster, 0, NULL, NULL);
    dlg_client *client = open_with_feed(0);
    check_indexes();
    check_feed(client, writer, 1);
    dlg_close(NULL, client, 0);
    client = open_with_feed(0); /* they are there */
    check_feed(client, writer, 2);
    dlg_close(NULL, client, 0);
    dlg_close(NULL, writer, 0);
}

static void asked_of_a_worker(void **state)
{
    (void)state;
    dlg_client *writer = operator_open(cluster, 0, NULL, NULL);
    dlg_client *client = open_with_feed(1);
    check_feed(client, writer, 3);
    dlg_close(NULL, client, 0);
    dlg_close(NULL, writer, 0);
}

static void wanted_before_the_tables_are_distributed(void **state)
{
    (void)state;
    dlg_error *error = NULL;
    dlg_client *client = open_with_feed(0);
    assert_ok(dlg_cluster_undistribute(client, 0, NULL, NULL, &error), error);
    check_feed(client, client, 4);
    operator_distribute(client, SHARDS);
    check_indexes();
    check_feed(client, client, 5);
    dlg_close(NULL, client, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wanted_after_the_tables_were_distributed),
        cmocka_unit_test(asked_of_a_worker),
        cmocka_unit_test(wanted_before_the_tables_are_distributed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
