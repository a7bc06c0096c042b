/* Followers of a cluster miss nothing that commits late on a node that they cannot ask, or do not know yet. */
#include "check.h"

#include "operator.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* LATE_S: longer than the library takes to learn of a change, and to believe that all is visible. */
enum { SHARDS = 8, LATE_S = 12, GENEROUS_S = 60, ROUNDS = 3 };

static struct test_cluster *cluster;
static dlg_error *error;

static int start(void **state)
{
    (void)state;
    /* What the tests change by hand is not put right by Citus meanwhile. */
    static const struct test_cluster_options options = {.configuration = "citus.metadata_sync_interval = '1h'\n"};
    cluster = test_cluster_start(2, &options);
    if (!cluster)
        return -1;
    dlg_client *client = operator_open(cluster, 0, "feed", "on");
    operator_distribute(client, SHARDS);
    return dlg_close(NULL, client, 0) == DLG_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    test_cluster_free(cluster);
    return 0;
}

/* The shard of the user is on that node. */
static bool is_on(const dlg_uuid *user, int node)
{
    char text[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(text, user);
    return test_cluster_number(cluster, 0,
                               "SELECT groupid FROM pg_dist_placement WHERE shardid = "
                               "get_shard_id_for_distribution_column('dialogs', '%s'::uuid)",
                               text) == test_cluster_group(cluster, node);
}

static dlg_uuid user_on(int node)
{
    dlg_uuid user;
    do
        dlg_uuid_random(&user);
    while (!is_on(&user, node));
    return user;
}

/* What is new in the feed; their number. */
static size_t follow(dlg_client *client, const dlg_uuid *user, char *cursor)
{
    size_t count = 0;
    for (bool more = true; more;) {
        dlg_list_options options = DLG_LIST_OPTIONS_INIT;
        dlg_page *page = NULL;
        options.after = cursor;
        assert_ok(dlg_feed(&page, client, user, &options, &error), error);
        count += dlg_page_count(page);
        more = dlg_page_has_more(page);
        snprintf(cursor, DLG_CURSOR_SIZE, "%s", dlg_page_after(page));
        dlg_page_free(page);
    }
    return count;
}

/* A message that was stamped on the node and is not committed yet. */
static PGconn *send_late(int node, const dlg_uuid *author, const dlg_uuid *recipient)
{
    char sql[400], from[DLG_UUID_TEXT_SIZE], to[DLG_UUID_TEXT_SIZE];
    PGconn *conn = PQconnectdb(test_cluster_conninfo(cluster, node));
    dlg_uuid_format(from, author);
    dlg_uuid_format(to, recipient);
    snprintf(sql, sizeof sql,
             "BEGIN; INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES "
             "('%s', '%s', 'late', statement_timestamp())",
             from, to);
    PGresult *result = PQexec(conn, sql);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    return conn;
}

static void commit(PGconn *conn)
{
    PGresult *result = PQexec(conn, "COMMIT");
    assert_string_equal(PQcmdStatus(result), "COMMIT");
    PQclear(result);
    PQfinish(conn);
}

/* Follows while the writer holds its message back, beyond a later one, then finds it. */
static void check_late(dlg_client *client, const dlg_uuid *user, char *cursor, PGconn *writer)
{
    assert_ok(dlg_send(NULL, client, user, user, "later", DLG_NTS, NULL, &error), error);
    assert_int_equal(follow(client, user, cursor), 1);
    for (int i = 0; i < 10 * LATE_S; i++) {
        assert_int_equal(follow(client, user, cursor), 0);
        usleep(100000);
    }
    commit(writer);
    size_t found = 0;
    for (int i = 0; i < 10 * GENEROUS_S && !found; i++) {
        found = follow(client, user, cursor);
        usleep(100000);
    }
    assert_int_equal(found, 1);
}

static void mark_synced(bool synced)
{
    assert_true(test_cluster_execute(cluster, 0, "UPDATE pg_dist_node SET metadatasynced = %s WHERE groupid = %d",
                                     synced ? "true" : "false", test_cluster_group(cluster, 2)));
}

/* Clients keep away from a node while its metadata are not those of the coordinator, as after a change of its port. */
static void a_node_that_nobody_may_ask(void **state)
{
    (void)state;
    dlg_uuid author = user_on(1), recipient = user_on(2);
    char cursor[DLG_CURSOR_SIZE] = "";
    dlg_client *client = operator_open(cluster, 0, "feed", "on");
    assert_int_equal(follow(client, &author, cursor), 0);
    PGconn *writer = send_late(2, &author, &recipient);
    mark_synced(false);
    check_late(client, &author, cursor, writer);
    mark_synced(true);
    dlg_close(NULL, client, 0);
}

/* Clients hear of a new node some seconds after it has got its first shard. */
static void a_node_that_is_new(void **state)
{
    (void)state;
    int node = test_cluster_add(cluster);
    assert_true(test_cluster_register(cluster, node));
    dlg_client *client = operator_open(cluster, 0, "feed", "on");
    for (int i = 0; i < ROUNDS; i++) {
        dlg_uuid author = user_on(2), recipient;
        char cursor[DLG_CURSOR_SIZE] = "";
        assert_int_equal(follow(client, &author, cursor), 0);
        operator_move(cluster, 1, node);
        recipient = user_on(node);
        PGconn *writer = send_late(node, &author, &recipient);
        check_late(client, &author, cursor, writer);
        operator_move(cluster, node, 1);
    }
    dlg_close(NULL, client, 0);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_that_is_new),
        cmocka_unit_test(a_node_that_nobody_may_ask),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
