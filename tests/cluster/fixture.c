/* fixture.c - the cluster fixture itself: real nodes, what happens to them, and nothing left behind. */
#include "check.h"

#include "cluster.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char rows[] = "CREATE TABLE things (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int)";
static const char fill[] = "INSERT INTO things (n) SELECT n FROM generate_series(1, 200) n";

static void make_rows(struct test_cluster *cluster)
{
    assert_true(test_cluster_execute(cluster, 0, rows));
    assert_true(test_cluster_execute(cluster, 0, "SELECT create_distributed_table('things', 'id', shard_count := 8)"));
    assert_true(test_cluster_execute(cluster, 0, fill));
}

static int64_t count_rows(struct test_cluster *cluster, int node)
{
    return test_cluster_number(cluster, node, "SELECT count(*) FROM things");
}

static int64_t count_shards(struct test_cluster *cluster, int node)
{
    return test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_placement WHERE groupid = %d",
                               test_cluster_group(cluster, node));
}

static int start(void **state)
{
    struct test_cluster *cluster = test_cluster_start(2, NULL);
    *state = cluster;
    if (!cluster)
        return -1;
    make_rows(cluster);
    return 0;
}

static int end(void **state)
{
    test_cluster_free(*state);
    return 0;
}

/* ---- Two workers ---------------------------------------------------------------------------- */

static void shards_lie_on_both_workers(void **state)
{
    struct test_cluster *cluster = *state;
    assert_int_equal(test_cluster_count(cluster), 3);
    assert_int_equal(count_shards(cluster, 0), 0);
    assert_int_equal(count_shards(cluster, 1), 4);
    assert_int_equal(count_shards(cluster, 2), 4);
    for (int node = 0; node < 3; node++)
        assert_int_equal(count_rows(cluster, node), 200);
}

static void groups_name_nodes(void **state)
{
    struct test_cluster *cluster = *state;
    for (int node = 0; node < 3; node++) {
        int group = test_cluster_group(cluster, node);
        assert_int_equal(test_cluster_number(cluster, node, "SELECT groupid FROM pg_dist_local_group"), group);
        assert_int_equal(test_cluster_node(cluster, group), node);
    }
    assert_int_equal(test_cluster_node(cluster, 99), -1);
}

static void nodes_can_move_shards(void **state)
{
    struct test_cluster *cluster = *state;
    for (int node = 0; node < 3; node++) {
        char *level = test_cluster_value(cluster, node, "SHOW wal_level");
        assert_string_equal(level, "logical");
        free(level);
    }
}

static void failures_are_told_from_values(void **state)
{
    struct test_cluster *cluster = *state;
    char *nothing = test_cluster_value(cluster, 0, "SELECT NULL");
    assert_string_equal(nothing, "");
    free(nothing);
    assert_null(test_cluster_value(cluster, 0, "SELECT 1 WHERE false"));
    assert_null(test_cluster_value(cluster, 0, "SELECT 1 / 0"));
    assert_false(test_cluster_execute(cluster, 0, "SELECT 1 / 0"));
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT 'seven'"), INT64_MIN);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT NULL"), INT64_MIN);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT %d", -7), -7);
}

static void conninfos_lead_to_their_nodes(void **state)
{
    struct test_cluster *cluster = *state;
    for (int node = 0; node < 3; node++) {
        PGconn *connection = PQconnectdb(test_cluster_conninfo(cluster, node));
        assert_int_equal(PQstatus(connection), CONNECTION_OK);
        assert_string_equal(PQhost(connection), "127.0.0.1");
        assert_int_equal(atoi(PQport(connection)), test_server_port(test_cluster_server(cluster, node)));
        PQfinish(connection);
    }
}

static void a_killed_worker_comes_back_with_its_rows(void **state)
{
    struct test_cluster *cluster = *state;
    struct test_server *worker = test_cluster_server(cluster, 1);
    assert_true(test_server_kill(worker));
    assert_int_equal(count_rows(cluster, 0), INT64_MIN);
    assert_true(test_server_restart(worker));
    assert_int_equal(count_rows(cluster, 0), 200);
}

static void a_frozen_worker_is_silent_until_it_thaws(void **state)
{
    struct test_cluster *cluster = *state;
    struct test_server *worker = test_cluster_server(cluster, 2);
    assert_true(test_server_freeze(worker));
    assert_int_equal(test_cluster_number(cluster, 0, "SET statement_timeout = '300ms'; SELECT count(*) FROM things"),
                     INT64_MIN);
    assert_true(test_server_thaw(worker));
    assert_int_equal(count_rows(cluster, 0), 200);
}

static void a_moved_worker_is_found_once_it_is_announced(void **state)
{
    struct test_cluster *cluster = *state;
    struct test_server *worker = test_cluster_server(cluster, 1);
    int port = test_server_port(worker);
    assert_true(test_server_move(worker));
    assert_int_not_equal(test_server_port(worker), port);
    assert_int_equal(count_rows(cluster, 0), INT64_MIN);
    assert_true(test_cluster_announce(cluster, 1));
    for (int node = 0; node < 3; node++)
        assert_int_equal(count_rows(cluster, node), 200);
}

static void a_third_worker_takes_shards(void **state)
{
    struct test_cluster *cluster = *state;
    int node = test_cluster_add(cluster);
    assert_int_equal(node, 3);
    assert_int_equal(test_cluster_group(cluster, node), -1);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_node"), 3);
    assert_true(test_cluster_register(cluster, node));
    assert_int_equal(count_shards(cluster, node), 0);
    assert_true(test_cluster_execute(cluster, 0,
                                     "SELECT rebalance_table_shards('things', threshold := 0, "
                                     "rebalance_strategy := 'by_shard_count')"));
    assert_in_range(count_shards(cluster, node), 2, 3);
    assert_int_equal(count_rows(cluster, node), 200);
}

/* ---- Options -------------------------------------------------------------------------------- */

static void workers_may_be_out_of_the_client_s_reach(void **state)
{
    (void)state;
    struct test_cluster_options options = {
        .worker_host = "worker.dialogs.test", .wal_level = "replica", .configuration = "work_mem = '3MB'"};
    struct test_cluster *cluster = test_cluster_start(1, &options);
    assert_non_null(cluster);
    make_rows(cluster);
    assert_int_equal(count_rows(cluster, 0), 200);
    char *host = test_cluster_value(cluster, 0, "SELECT nodename FROM pg_dist_node WHERE groupid <> 0");
    assert_string_equal(host, options.worker_host);
    char conninfo[256];
    snprintf(conninfo, sizeof conninfo, "host=%s port=%d dbname=postgres", host,
             test_server_port(test_cluster_server(cluster, 1)));
    assert_int_equal(PQping(conninfo), PQPING_NO_RESPONSE);
    assert_int_equal(PQping(test_cluster_conninfo(cluster, 1)), PQPING_OK);
    free(host);
    for (int node = 0; node < 2; node++) {
        char *settings = test_cluster_value(
            cluster, node, "SELECT current_setting('wal_level') || ' ' || current_setting('work_mem')");
        assert_string_equal(settings, "replica 3MB");
        free(settings);
    }
    test_cluster_free(cluster);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_lie_on_both_workers),
        cmocka_unit_test(groups_name_nodes),
        cmocka_unit_test(nodes_can_move_shards),
        cmocka_unit_test(failures_are_told_from_values),
        cmocka_unit_test(conninfos_lead_to_their_nodes),
        cmocka_unit_test(a_killed_worker_comes_back_with_its_rows),
        cmocka_unit_test(a_frozen_worker_is_silent_until_it_thaws),
        cmocka_unit_test(a_moved_worker_is_found_once_it_is_announced),
        cmocka_unit_test(a_third_worker_takes_shards),
        cmocka_unit_test(workers_may_be_out_of_the_client_s_reach),
    };
    return cmocka_run_group_tests(tests, start, end);
}
