/* Servers that want to become workers and are not fit: each is refused, with its reason, and nothing is changed. */
#include "check.h"

#include "operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct test_cluster *cluster;
static struct test_cluster *other; /* another cluster: one coordinator */
static struct test_server *plain;
static dlg_client *client;
static dlg_error *error;
static int candidate; /* a node that nobody knows yet */

static int start(void **state)
{
    (void)state;
    cluster = test_cluster_start(1, NULL);
    other = test_cluster_start(0, NULL);
    plain = test_server_start(NULL);
    if (!cluster || !other || !plain)
        return -1;
    client = operator_open(cluster, 0, NULL, NULL);
    operator_fill(cluster, 10, 100);
    operator_distribute(client, 4);
    candidate = test_cluster_add(cluster);
    return candidate == 2 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    dlg_close(NULL, client, 0);
    test_cluster_free(cluster);
    test_cluster_free(other);
    test_server_free(plain);
    return 0;
}

static void refused(const char *host, int port, int code, const char *words)
{
    operator_expect(dlg_cluster_add_node(client, host, port, NULL, &error), code, &error, words);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_node"), 2);
}

static void nobody_is_there(void **state)
{
    (void)state;
    refused("127.0.0.1", 1, DLG_E_UNAVAILABLE, "127.0.0.1:1 cannot be looked at from here|refused|node_addresses");
}

static void a_server_without_citus(void **state)
{
    (void)state;
    refused("127.0.0.1", test_server_port(plain), DLG_E_PRECONDITION, "has no Citus|CREATE EXTENSION citus");
}

static void the_coordinator_of_another_cluster(void **state)
{
    (void)state;
    char words[128];
    snprintf(words, sizeof words, "belongs to a cluster already|its coordinator is %s", operator_name(other, 0));
    refused(OPERATOR_NODE(other, 0), DLG_E_PRECONDITION, words);
}

/* Under another name than it was added by. */
static void a_node_of_this_cluster(void **state)
{
    (void)state;
    refused("localhost", test_server_port(test_cluster_server(cluster, 1)), DLG_E_PRECONDITION, "belongs to a cluster");
    refused("localhost", test_server_port(test_cluster_server(cluster, 0)), DLG_E_PRECONDITION, "belongs to a cluster");
}

static void a_server_with_tables_of_these_names(void **state)
{
    (void)state;
    assert_true(
        test_cluster_execute(cluster, candidate, "CREATE TABLE dialogs (id bigint); CREATE TABLE users_102042 ()"));
    refused(OPERATOR_NODE(cluster, candidate), DLG_E_PRECONDITION,
            "tables of the cluster's names: public.dialogs, public.users_102042|DROP TABLE");
    assert_true(test_cluster_execute(cluster, candidate, "DROP TABLE dialogs, users_102042"));
}

static void a_server_that_the_coordinator_does_not_reach(void **state)
{
    (void)state;
    char setting[128];
    int port = test_server_port(test_cluster_server(cluster, candidate));
    assert_true(test_cluster_execute(cluster, 0, "SELECT citus_set_coordinator_host('coordinator.example', %d)",
                                     test_server_port(test_cluster_server(cluster, 0))));
    snprintf(setting, sizeof setting, "worker.invalid:%d=127.0.0.1:%d", port, port);
    dlg_client *mapped = operator_open(cluster, 0, "node_addresses", setting);
    operator_expect(dlg_cluster_add_node(mapped, "worker.invalid", port, NULL, &error), DLG_E_PRECONDITION, &error,
                    "the coordinator does not reach worker.invalid");
    dlg_close(NULL, mapped, 0);
    assert_true(test_cluster_execute(cluster, 0, "SELECT citus_set_coordinator_host('127.0.0.1', %d)",
                                     test_server_port(test_cluster_server(cluster, 0))));
}

static void a_coordinator_that_others_do_not_reach(void **state)
{
    (void)state;
    refused("worker.example", 5432, DLG_E_PRECONDITION,
            "cannot reach the coordinator|known as 127.0.0.1|citus_set_coordinator_host");
}

static void a_server_without_logical_wal(void **state)
{
    (void)state;
    dlg_node_options options = DLG_NODE_OPTIONS_INIT;
    assert_true(test_cluster_execute(cluster, candidate, "ALTER SYSTEM SET wal_level = replica"));
    assert_true(test_server_restart(test_cluster_server(cluster, candidate)));
    refused(OPERATOR_NODE(cluster, candidate), DLG_E_PRECONDITION, "wal_level|replica|ALTER SYSTEM SET wal_level");
    options.flags = DLG_NODE_ANY_WAL_LEVEL;
    assert_ok(dlg_cluster_add_node(client, OPERATOR_NODE(cluster, candidate), &options, &error), error);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_node"), 3);
}

/* The first worker of a coordinator that nobody has registered. */
static void a_coordinator_registers_itself(void **state)
{
    (void)state;
    dlg_client *lone = NULL;
    dlg_node_options options = DLG_NODE_OPTIONS_INIT;
    assert_true(test_cluster_execute(other, 0, "SELECT citus_remove_node(nodename, nodeport) FROM pg_dist_node"));
    int node = test_cluster_add(other);
    assert_int_equal(node, 1);
    lone = operator_open(other, 0, NULL, NULL);
    dlg_cluster *status = operator_status(lone);
    assert_int_equal(dlg_cluster_node_count(status), 1);
    assert_string_equal(dlg_cluster_node_at(status, 0)->role, "coordinator");
    dlg_cluster_free(status);
    operator_expect(dlg_cluster_distribute(lone, NULL, NULL, NULL, &error), DLG_E_PRECONDITION, &error,
                    "no node takes shards|add-node");
    options.coordinator_host = "localhost"; /* which Citus refuses */
    operator_expect(dlg_cluster_add_node(lone, OPERATOR_NODE(other, node), &options, &error), DLG_E_PRECONDITION,
                    &error, "known as localhost");
    options.coordinator_host = NULL;
    assert_ok(dlg_cluster_add_node(lone, OPERATOR_NODE(other, node), &options, &error), error);
    assert_int_equal(test_cluster_number(other, 0,
                                         "SELECT count(*) FROM pg_dist_node WHERE groupid = 0 "
                                         "AND nodename = '127.0.0.1' AND nodeport = %d",
                                         test_server_port(test_cluster_server(other, 0))),
                     1);
    operator_distribute(lone, 4);
    dlg_close(NULL, lone, 0);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_there),
        cmocka_unit_test(a_server_without_citus),
        cmocka_unit_test(the_coordinator_of_another_cluster),
        cmocka_unit_test(a_node_of_this_cluster),
        cmocka_unit_test(a_server_with_tables_of_these_names),
        cmocka_unit_test(a_server_that_the_coordinator_does_not_reach),
        cmocka_unit_test(a_coordinator_that_others_do_not_reach),
        cmocka_unit_test(a_server_without_logical_wal),
        cmocka_unit_test(a_coordinator_registers_itself),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
