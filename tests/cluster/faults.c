/* What happens to nodes under load, and what the count says afterwards. */
#include "check.h"
#include "cluster.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct test_cluster *cluster;

static dlg_client *open_client(void)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    dlg_settings_set(settings, "timeout_ms", "30000", NULL);
    dlg_settings_set(settings, "open_timeout_ms", "3000", NULL);
    assert_ok(dlg_open(&client, test_cluster_conninfo(cluster, 0), settings, &error), error);
    dlg_settings_free(settings);
    return client;
}

static int start_with(const struct test_cluster_options *options)
{
    cluster = test_cluster_start(2, options);
    if (!cluster)
        return -1;
    dlg_close(NULL, open_client(), 0);
    return test_cluster_distribute(cluster, 8) ? 0 : -1;
}

static int start(void **state)
{
    (void)state;
    return start_with(NULL);
}

static int stop(void **state)
{
    (void)state;
    test_cluster_free(cluster);
    return 0;
}

static void wait_for_sends(struct load *load, uint64_t more)
{
    struct load_result result;
    load_look(load, &result);
    uint64_t until = result.sent + more;
    for (int i = 0; i < 600 && result.sent < until; i++) {
        usleep(50000);
        load_look(load, &result);
    }
    assert_true(result.sent >= until);
}

/* Everything within the deadline waits for the worker to come back. */
static void a_worker_is_killed_and_comes_back(void **state)
{
    (void)state;
    dlg_client *client = open_client();
    struct load *load = load_start(client, 8, 4);
    wait_for_sends(load, 200);
    assert_true(test_server_kill(test_cluster_server(cluster, 1)));
    usleep(1000000);
    assert_true(test_server_restart(test_cluster_server(cluster, 1)));
    wait_for_sends(load, 500);
    load_finish(load, client, "worker killed");
}

/* Dialogs go on without it; what needs it says so. */
static void the_coordinator_is_killed(void **state)
{
    (void)state;
    dlg_client *client = open_client();
    dlg_error *error = NULL;
    struct load *load = load_start(client, 8, 4);
    wait_for_sends(load, 500);
    assert_true(test_server_kill(test_cluster_server(cluster, 0)));
    wait_for_sends(load, 500);
    assert_int_equal(dlg_schema_install(NULL, client, &error), DLG_E_UNAVAILABLE);
    assert_int_equal(dlg_ready(client), 0);
    dlg_error_free(error);
    assert_true(test_server_restart(test_cluster_server(cluster, 0)));
    wait_for_sends(load, 200);
    load_finish(load, client, "coordinator killed");
}

static void a_worker_moves_to_another_port(void **state)
{
    (void)state;
    dlg_client *client = open_client();
    struct load *load = load_start(client, 8, 4);
    wait_for_sends(load, 200);
    assert_true(test_server_move(test_cluster_server(cluster, 2)));
    assert_true(test_cluster_announce(cluster, 2));
    wait_for_sends(load, 500);
    dlg_stats stats = DLG_STATS_INIT;
    dlg_stats_get(&stats, client);
    uint64_t routed = stats.routed;
    usleep(6000000); /* the map is asked for every five seconds, and soon after a loss */
    wait_for_sends(load, 200);
    dlg_stats_get(&stats, client);
    assert_true(stats.routed > routed);
    load_finish(load, client, "worker moved");
}

/* A client whose map is from before a rebalance goes on; it finds out by and by. */
static void shards_move_under_a_client_that_does_not_know(void **state)
{
    (void)state;
    dlg_client *client = open_client();
    struct load *load = load_start(client, 8, 4);
    wait_for_sends(load, 500);
    int from = test_cluster_group(cluster, 1), to = test_cluster_group(cluster, 2);
    for (int i = 0; i < 2; i++) {
        int64_t shard = test_cluster_number(cluster, 0,
                                            "SELECT min(shardid) FROM pg_dist_placement JOIN pg_dist_shard "
                                            "USING (shardid) WHERE logicalrelid = 'dialogs'::regclass "
                                            "AND groupid = %d",
                                            from);
        assert_true(test_cluster_execute(
            cluster, 0,
            "SELECT citus_move_shard_placement(%lld, f.nodename, f.nodeport, t.nodename, t.nodeport, 'force_logical') "
            "FROM pg_dist_node f, pg_dist_node t WHERE f.groupid = %d AND t.groupid = %d",
            (long long)shard, from, to));
    }
    wait_for_sends(load, 500);
    usleep(6000000);
    dlg_stats stats = DLG_STATS_INIT;
    dlg_stats_get(&stats, client);
    assert_true(stats.stale > 0);
    load_finish(load, client, "shards moved");
}

/* ---- Workers that cannot be reached from here ---- */

static int start_unreachable(void **state)
{
    (void)state;
    static const struct test_cluster_options options = {.worker_host = "192.0.2.7"};
    return start_with(&options);
}

static void workers_out_of_reach_are_served_by_the_coordinator(void **state)
{
    (void)state;
    dlg_client *client = open_client();
    struct load *load = load_start(client, 4, 2);
    wait_for_sends(load, 300);
    dlg_stats stats = DLG_STATS_INIT;
    dlg_stats_get(&stats, client);
    assert_int_equal(stats.routed, 0);
    assert_true(stats.fallback > 0);
    load_finish(load, client, "workers out of reach");
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_is_killed_and_comes_back),
        cmocka_unit_test(the_coordinator_is_killed),
        cmocka_unit_test(a_worker_moves_to_another_port),
        cmocka_unit_test(shards_move_under_a_client_that_does_not_know),
    };
    const struct CMUnitTest unreachable[] = {
        cmocka_unit_test(workers_out_of_reach_are_served_by_the_coordinator),
    };
    int failed = cmocka_run_group_tests(tests, start, stop);
    return failed + cmocka_run_group_tests(unreachable, start_unreachable, stop);
}
