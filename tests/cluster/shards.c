/* Pages of a cluster are read from the shards' own tables, as long as the shard is there. */
#include "check.h"
#include "cluster.h"

#include <dialogs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 2 };

/* On a node: sessions that read straight from shards last, and then asked whether they were there; and others. */
#define SESSIONS_AFTER(query) \
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'libdialogs' AND query ~ '" query "'"
#define READS_OF_SHARDS SESSIONS_AFTER("FROM pg_catalog.pg_dist_placement WHERE shardid = ANY")
#define READS_OF_TABLE SESSIONS_AFTER("FROM public.dialogs WHERE user_id")

static struct test_cluster *cluster;
static dlg_uuid anna, boris;

static dlg_client *open_client(const char *conninfo, const char *name, const char *value)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    if (name)
        assert_ok(dlg_settings_set(settings, name, value, &error), error);
    assert_ok(dlg_open(&client, conninfo, settings, &error), error);
    dlg_settings_free(settings);
    return client;
}

static void say(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text)
{
    dlg_error *error = NULL;
    assert_ok(dlg_send(NULL, client, author, recipient, text, DLG_NTS, NULL, &error), error);
}

/* What anna and boris said, oldest first, "a b c". */
static void expect_dialog(dlg_client *client, const char *cursor_first, const char *expected)
{
    char said[256] = "";
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.after = cursor_first;
    assert_ok(dlg_list(&page, client, &anna, &boris, &options, &error), error);
    for (size_t i = 0; i < dlg_page_count(page); i++)
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s%s", i ? " " : "", dlg_page_at(page, i)->text);
    assert_string_equal(said, expected);
    dlg_page_free(page);
}

/* Until the client has sessions on both workers. */
static void wait_until_routed(dlg_client *client)
{
    for (int i = 0; i < 100; i++) {
        dlg_stats before = DLG_STATS_INIT, after = DLG_STATS_INIT;
        dlg_page *page = NULL;
        dlg_stats_get(&before, client);
        assert_int_equal(dlg_list(&page, client, &anna, &boris, NULL, NULL), DLG_OK);
        dlg_page_free(page);
        dlg_stats_get(&after, client);
        if (after.routed >= before.routed + 2)
            return;
        usleep(50000);
    }
    fail_msg("no page was routed");
}

static int64_t on_workers(const char *query)
{
    int64_t sum = 0;
    for (int node = 1; node <= WORKERS; node++)
        sum += test_cluster_number(cluster, node, query);
    return sum;
}

/* Both halves come from workers at once, and none is asked for again. */
static void expect_routed(dlg_client *client, const char *expected)
{
    dlg_stats before = DLG_STATS_INIT, after = DLG_STATS_INIT;
    dlg_stats_get(&before, client);
    expect_dialog(client, NULL, expected);
    dlg_stats_get(&after, client);
    assert_true(after.routed >= before.routed + 2);
    assert_int_equal(after.retries, before.retries);
}

static long long shard_of(const dlg_uuid *uuid)
{
    char text[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(text, uuid);
    return test_cluster_number(cluster, 0, "SELECT get_shard_id_for_distribution_column('dialogs', '%s'::uuid)", text);
}

static int group_of(long long shard)
{
    return (int)test_cluster_number(cluster, 0, "SELECT groupid FROM pg_dist_placement WHERE shardid = %lld", shard);
}

/* Moves the shard that what `to` got is in to the other worker. */
static void move_shard_of(const dlg_uuid *to)
{
    long long shard = shard_of(to);
    int from = test_cluster_node(cluster, group_of(shard)), target = from == 1 ? 2 : 1;
    assert_true(test_cluster_execute(
        cluster, 0,
        "SELECT citus_move_shard_placement(%lld, (SELECT nodeid FROM pg_dist_node WHERE groupid = %d), "
        "(SELECT nodeid FROM pg_dist_node WHERE groupid = %d), 'block_writes')",
        shard, test_cluster_group(cluster, from), test_cluster_group(cluster, target)));
    assert_int_equal(group_of(shard), test_cluster_group(cluster, target));
}

static int start(void **state)
{
    (void)state;
    cluster = test_cluster_start(WORKERS, NULL);
    if (!cluster)
        return -1;
    dlg_close(NULL, open_client(test_cluster_conninfo(cluster, 0), NULL, NULL), 0); /* makes the tables */
    return test_cluster_distribute(cluster, 32) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    test_cluster_free(cluster);
    return 0;
}

static int draw_users(void **state)
{
    (void)state;
    dlg_uuid_random(&anna);
    dlg_uuid_random(&boris);
    return 0;
}

static void pages_come_from_the_shards_tables(void **state)
{
    (void)state;
    dlg_client *client = open_client(test_cluster_conninfo(cluster, 0), NULL, NULL);
    wait_until_routed(client);
    expect_dialog(client, NULL, "");
    say(client, &anna, &boris, "a");
    expect_dialog(client, NULL, "a"); /* the other half is empty */
    say(client, &boris, &anna, "b");
    say(client, &anna, &boris, "c");
    expect_dialog(client, NULL, "a b c");
    expect_dialog(client, "", "a b c");
    expect_routed(client, "a b c");
    assert_int_equal(on_workers(READS_OF_TABLE), 0);
    dlg_close(NULL, client, 0);
}

static void not_when_told_to_leave_it_to_the_coordinator(void **state)
{
    (void)state;
    dlg_client *client = open_client(test_cluster_conninfo(cluster, 0), "route", "coordinator");
    say(client, &anna, &boris, "a");
    expect_dialog(client, NULL, "a");
    assert_int_equal(on_workers(READS_OF_SHARDS), 0);
    dlg_close(NULL, client, 0);
}

/*
 * The client's map is from before the move, and the table is still where it was, with all but the last message: the
 * page has the last one nevertheless. Then the table is gone; then the shard comes back.
 */
static void a_moved_shard_is_not_read_where_it_was(void **state)
{
    (void)state;
    dlg_client *client = open_client(test_cluster_conninfo(cluster, 0), NULL, NULL);
    dlg_client *other = open_client(test_cluster_conninfo(cluster, 0), "route", "coordinator");
    say(client, &anna, &boris, "a");
    wait_until_routed(client);
    expect_dialog(client, NULL, "a");
    assert_true(test_cluster_execute(cluster, 0, "ALTER SYSTEM SET citus.defer_shard_delete_interval = -1"));
    assert_true(test_cluster_execute(cluster, 0, "SELECT pg_reload_conf()"));
    for (int i = 0; i < 4; i++) {
        static const char *const expected[] = {"a b", "a b b", "a b b b", "a b b b b"};
        move_shard_of(&boris);
        say(other, &anna, &boris, "b");
        expect_dialog(client, NULL, expected[i]);
        assert_true(test_cluster_execute(cluster, 0, "CALL citus_cleanup_orphaned_resources()"));
        expect_dialog(client, NULL, expected[i]);
        expect_dialog(client, "", expected[i]);
    }
    dlg_close(NULL, other, 0);
    dlg_close(NULL, client, 0);
}

/* A map that is asked for every few seconds says nothing of what happens meanwhile: the table has just been dropped. */
static void a_dropped_table_is_no_error(void **state)
{
    (void)state;
    dlg_client *client = open_client(test_cluster_conninfo(cluster, 0), NULL, NULL);
    say(client, &anna, &boris, "a");
    wait_until_routed(client);
    expect_dialog(client, NULL, "a"); /* prepared there */
    move_shard_of(&boris);
    assert_true(test_cluster_execute(cluster, 0, "CALL citus_cleanup_orphaned_resources()"));
    expect_dialog(client, NULL, "a");
    expect_dialog(client, "", "a"); /* not prepared before */
    dlg_close(NULL, client, 0);
}

static void a_role_that_may_not_see_placements_reads_the_table(void **state)
{
    (void)state;
    char conninfo[512];
    assert_true(test_cluster_execute(cluster, 0, "CREATE ROLE plain LOGIN"));
    assert_true(test_cluster_execute(
        cluster, 0, "GRANT SELECT, INSERT ON dialogs, users TO plain; GRANT SELECT ON dlg_schema TO plain"));
    for (int node = 1; node <= WORKERS; node++)
        assert_true(test_cluster_execute(cluster, node, "REVOKE SELECT ON pg_dist_placement FROM public"));
    snprintf(conninfo, sizeof conninfo, "%s user=plain", test_cluster_conninfo(cluster, 0));
    dlg_client *client = open_client(conninfo, "schema", "check");
    wait_until_routed(client);
    say(client, &anna, &boris, "a");
    expect_dialog(client, NULL, "a");
    assert_true(test_cluster_number(cluster, 0, READS_OF_TABLE) > 0);
    dlg_close(NULL, client, 0);
    for (int node = 1; node <= WORKERS; node++)
        assert_true(test_cluster_execute(cluster, node, "GRANT SELECT ON pg_dist_placement TO public"));
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pages_come_from_the_shards_tables, draw_users),
        cmocka_unit_test_setup(not_when_told_to_leave_it_to_the_coordinator, draw_users),
        cmocka_unit_test_setup(a_moved_shard_is_not_read_where_it_was, draw_users),
        cmocka_unit_test_setup(a_dropped_table_is_no_error, draw_users),
        cmocka_unit_test_setup(a_role_that_may_not_see_placements_reads_the_table, draw_users),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
