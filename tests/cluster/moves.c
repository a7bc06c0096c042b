/* Rebalances that do not go through at once: stopped, met by another, broken by a node; and a shard for one recipient.
 */
#include "check.h"

#include "load.h"
#include "operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 200, MESSAGES = 20000, SHARDS = 6, NEWCOMER = OPERATOR_NEWCOMER };

static struct test_cluster *cluster;
static dlg_client *client;
static dlg_error *error;

static int start(void **state)
{
    (void)state;
    static const struct test_cluster_options options = {
        .configuration = "citus.background_task_queue_interval = '500ms'\ncitus.defer_shard_delete_interval = '1s'\n"};
    return operator_start(&options, USERS, MESSAGES, SHARDS, &cluster, &client) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    dlg_close(NULL, client, 0);
    test_cluster_free(cluster);
    return 0;
}

static void assert_nothing_is_left(void)
{
    operator_assert_clean(cluster, client);
    dlg_cluster *status = operator_status(client);
    assert_int_equal(dlg_cluster_describe(status)->shards, SHARDS);
    dlg_cluster_free(status);
}

static void assert_even(void)
{
    for (int node = 1; node <= NEWCOMER; node++)
        assert_int_equal(operator_shards(cluster, node), SHARDS / 3);
}

/* ---- Stopped half-way, and begun again ---- */

static int stop_after_one(const dlg_cluster_progress *progress, void *payload)
{
    (void)payload;
    return progress->moves_done >= 1 && progress->moves_done < progress->moves_total;
}

static void a_stopped_rebalance_may_be_started_again(void **state)
{
    (void)state;
    struct load_result result;
    struct load *load = load_start(client, 4, 4);
    dlg_rebalance *rebalance = NULL;
    operator_expect(dlg_cluster_rebalance(NULL, client, NULL, stop_after_one, NULL, &error), DLG_E_CANCELLED, &error,
                    NULL);
    int64_t moved = operator_shards(cluster, NEWCOMER);
    assert_true(moved >= 1 && moved < SHARDS / 3);
    assert_nothing_is_left();
    assert_ok(dlg_cluster_rebalance(&rebalance, client, NULL, NULL, NULL, &error), error);
    assert_int_equal(dlg_rebalance_describe(rebalance)->state, DLG_JOB_STATE_FINISHED);
    assert_int_equal(dlg_rebalance_describe(rebalance)->moves_done, SHARDS / 3 - moved);
    dlg_rebalance_free(rebalance);
    assert_even();
    load_judge(load, client, &result);
    load_free(load);
}

/* ---- Two at once ---- */

/* So that there is something to move again. */
static void unbalance(void)
{
    operator_move(cluster, 2, 1);
    operator_move(cluster, NEWCOMER, 1);
}

static void only_one_runs_at_a_time(void **state)
{
    (void)state;
    dlg_uuid user;
    dlg_rebalance *rebalance = NULL;
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    options.flags = DLG_REBALANCE_NO_WAIT;
    unbalance();
    dlg_uuid_random(&user);
    assert_ok(dlg_cluster_rebalance(NULL, client, &options, NULL, NULL, &error), error);
    operator_expect(dlg_cluster_rebalance(NULL, client, NULL, NULL, NULL, &error), DLG_E_BUSY, &error, NULL);
    operator_expect(dlg_cluster_isolate(NULL, client, &user, NULL, NULL, NULL, &error), DLG_E_BUSY, &error, NULL);
    operator_expect(dlg_cluster_remove_node(NULL, client, OPERATOR_NODE(cluster, 2), NULL, NULL, NULL, &error),
                    DLG_E_BUSY, &error, NULL);
    assert_ok(dlg_cluster_rebalance_wait(&rebalance, client, NULL, NULL, NULL, &error), error);
    assert_int_equal(dlg_rebalance_describe(rebalance)->state, DLG_JOB_STATE_FINISHED);
    assert_int_equal(dlg_rebalance_describe(rebalance)->moves_total, 2);
    dlg_rebalance_free(rebalance);
    assert_even();
    assert_nothing_is_left();
}

static void it_can_be_stopped_from_elsewhere(void **state)
{
    (void)state;
    dlg_rebalance *rebalance = NULL;
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    options.flags = DLG_REBALANCE_NO_WAIT;
    unbalance();
    assert_ok(dlg_cluster_rebalance(NULL, client, &options, NULL, NULL, &error), error);
    dlg_client *other = operator_open(cluster, 0, NULL, NULL);
    assert_ok(dlg_cluster_rebalance_cancel(other, 0, &error), error);
    dlg_close(NULL, other, 0);
    assert_ok(dlg_cluster_rebalance_wait(&rebalance, client, NULL, NULL, NULL, &error), error);
    assert_int_equal(dlg_rebalance_describe(rebalance)->state, DLG_JOB_STATE_CANCELLED);
    dlg_rebalance_free(rebalance);
    assert_nothing_is_left();
    assert_ok(dlg_cluster_rebalance(NULL, client, NULL, NULL, NULL, &error), error);
    assert_even();
}

/* ---- A move that fails ---- */

/* Once a shard is on its way to the newcomer. */
static int kill_target(const dlg_cluster_progress *progress, void *payload)
{
    int *killed = payload;
    if (progress->shard && !*killed)
        *killed = test_server_kill(test_cluster_server(cluster, NEWCOMER));
    return 0;
}

static void empty_the_newcomer(void)
{
    for (int i = 0; i < SHARDS / 3; i++)
        operator_move(cluster, NEWCOMER, 1 + i % 2);
    assert_int_equal(operator_shards(cluster, NEWCOMER), 0);
}

static void a_target_that_dies_leaves_nothing_behind(void **state)
{
    (void)state;
    int killed = 0;
    int64_t content = operator_content(cluster);
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    options.retries = 0;
    empty_the_newcomer();
    operator_expect(dlg_cluster_rebalance(NULL, client, &options, kill_target, &killed, &error), DLG_E_DATABASE, &error,
                    NULL);
    assert_true(killed);
    assert_true(test_server_restart(test_cluster_server(cluster, NEWCOMER)));
    assert_int_equal(operator_content(cluster), content);
    assert_ok(dlg_cluster_rebalance(NULL, client, NULL, NULL, NULL, &error), error);
    assert_even();
    assert_nothing_is_left();
    assert_int_equal(operator_content(cluster), content);
    assert_int_equal(test_cluster_number(cluster, NEWCOMER, "SELECT count(*) FROM pg_subscription"), 0);
}

/* ---- A shard for one ---- */

static int64_t shards(void)
{
    return test_cluster_number(cluster, 0,
                               "SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = "
                               "'dialogs'::regclass");
}

static void a_recipient_gets_a_shard_on_a_node_of_choice(void **state)
{
    (void)state;
    dlg_uuid user;
    int64_t shard = 0, again = 0, content = operator_content(cluster);
    char *text = test_cluster_value(cluster, 0, "SELECT md5('user 1')::uuid");
    dlg_uuid_parse(&user, text, DLG_NTS);
    dlg_isolate_options options = DLG_ISOLATE_OPTIONS_INIT;
    operator_admit_splits(cluster);
    for (int node = 1; node <= 2; node++) { /* the second time it is only moved */
        options.host = "127.0.0.1";
        options.port = test_server_port(test_cluster_server(cluster, node));
        assert_ok(dlg_cluster_isolate(node == 1 ? &shard : &again, client, &user, &options, NULL, NULL, &error), error);
        int64_t found = test_cluster_number(cluster, 0, "SELECT nodeport FROM citus_shards WHERE shardid = %lld",
                                            (long long)(node == 1 ? shard : again));
        assert_int_equal(found, options.port);
    }
    assert_int_equal(shard, again);
    assert_int_equal(test_cluster_number(cluster, 0,
                                         "SELECT count(*) FROM pg_dist_shard WHERE shardid = %lld AND shardminvalue = "
                                         "shardmaxvalue AND shardid = get_shard_id_for_distribution_column('dialogs', "
                                         "'%s'::uuid)",
                                         (long long)shard, text),
                     1);
    assert_true(shards() > SHARDS && shards() <= SHARDS + 2);
    assert_int_equal(operator_content(cluster), content);
    options.port = 1;
    operator_expect(dlg_cluster_isolate(NULL, client, &user, &options, NULL, NULL, &error), DLG_E_ARGUMENT, &error,
                    NULL);
    free(text);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_rebalance_may_be_started_again),
        cmocka_unit_test(only_one_runs_at_a_time),
        cmocka_unit_test(it_can_be_stopped_from_elsewhere),
        cmocka_unit_test(a_target_that_dies_leaves_nothing_behind),
        cmocka_unit_test(a_recipient_gets_a_shard_on_a_node_of_choice),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
