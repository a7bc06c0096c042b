/* A rebalance onto a node whose disk is full: it says so, leaves nothing behind, and goes through once there is space.
 */
#include "check.h"

#include "load.h"
#include "operator.h"

#include <stdio.h>
#include <string.h>

enum { USERS = 200, MESSAGES = 20000, SHARDS = 6, NEWCOMER = OPERATOR_NEWCOMER, TOO_LITTLE = 512 * 1024 };

static struct test_cluster *cluster;
static dlg_client *client;
static dlg_error *error;

static int start(void **state)
{
    (void)state;
    static const struct test_cluster_options options = {
        .configuration = "citus.background_task_queue_interval = '500ms'\ncitus.defer_shard_delete_interval = '1s'\n",
        .disks = true};
    return operator_start(&options, USERS, MESSAGES, SHARDS, &cluster, &client) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    dlg_close(NULL, client, 0);
    test_cluster_free(cluster);
    return 0;
}

/* Of all that a move makes on the nodes nothing is there but shards that belong there. */
static void assert_nothing_is_left(void)
{
    operator_assert_clean(cluster, client);
    for (int node = 1; node <= NEWCOMER; node++) {
        assert_int_equal(test_cluster_number(cluster, node,
                                             "SELECT (SELECT count(*) FROM pg_subscription) + (SELECT count(*) FROM "
                                             "pg_publication) + (SELECT count(*) FROM pg_replication_slots) + (SELECT "
                                             "count(*) FROM pg_replication_origin)"),
                         0);
        assert_int_equal(test_cluster_number(cluster, node,
                                             "SET citus.override_table_visibility = off; SELECT count(*) FROM "
                                             "pg_class WHERE relkind = 'r' AND relname ~ '^dialogs_[0-9]+$'"),
                         operator_shards(cluster, node));
    }
}

/* Of the messages that were there before the load. */
static int64_t content(void)
{
    return test_cluster_number(cluster, 0,
                               "SELECT count(*) + sum(hashtext(id || ' ' || user_id || to_user_id || text || "
                               "create_date)::bigint) FROM dialogs WHERE id <= %d",
                               MESSAGES);
}

/* What the newcomer's disk has left. */
static void limit_space(int64_t bytes)
{
    assert_true(test_server_limit_space(test_cluster_server(cluster, NEWCOMER), bytes));
}

static void expect_full(void)
{
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    options.retries = 0;
    int code = dlg_cluster_rebalance(NULL, client, &options, NULL, NULL, &error);
    assert_string_equal(dlg_error_sqlstate(error), "53100");
    operator_expect(code, DLG_E_DATABASE, &error,
                    "No space left on device|0 of 2 moves are done|make room on the disks");
    assert_int_equal(operator_shards(cluster, NEWCOMER), 0);
}

static void expect_finished(dlg_cluster_progress_fn progress, void *payload)
{
    dlg_rebalance *rebalance = NULL;
    assert_ok(dlg_cluster_rebalance(&rebalance, client, NULL, progress, payload, &error), error);
    assert_int_equal(dlg_rebalance_describe(rebalance)->state, DLG_JOB_STATE_FINISHED);
    assert_int_equal(dlg_rebalance_describe(rebalance)->moves_done, SHARDS / 3);
    dlg_rebalance_free(rebalance);
    for (int node = 1; node <= NEWCOMER; node++)
        assert_int_equal(operator_shards(cluster, node), SHARDS / 3);
}

static void a_full_disk_is_named_and_leaves_nothing_behind(void **state)
{
    (void)state;
    struct load_result result;
    int64_t before = content();
    limit_space(TOO_LITTLE);
    struct load *load = load_start(client, 4, 4);
    expect_full();
    assert_nothing_is_left();
    limit_space(INT64_MAX);
    expect_finished(NULL, NULL);
    assert_nothing_is_left();
    load_judge(load, client, &result);
    assert_true(result.sent > 0 && result.listed > 0);
    assert_int_equal(content(), before);
    load_free(load);
}

/* What an operator does who sees why the move waits for its next attempt. */
static int make_room(const dlg_cluster_progress *progress, void *payload)
{
    bool *seen = payload;
    if (strstr(progress->message, "No space left on device")) {
        *seen = true;
        limit_space(INT64_MAX);
    }
    return 0;
}

static void room_made_in_time_is_enough(void **state)
{
    (void)state;
    bool seen = false;
    int64_t before = content();
    for (int i = 0; i < SHARDS / 3; i++)
        operator_move(cluster, NEWCOMER, 1 + i % 2);
    limit_space(TOO_LITTLE);
    expect_finished(make_room, &seen);
    assert_true(seen);
    assert_nothing_is_left();
    assert_int_equal(content(), before);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_named_and_leaves_nothing_behind),
        cmocka_unit_test(room_made_in_time_is_enough),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
