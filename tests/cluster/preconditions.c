/* What has to be right before shards move: each thing is made wrong, named with its repair, and nothing moves. */
#include "check.h"

#include "operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 20, MESSAGES = 400, SHARDS = 4 };

static struct test_cluster *cluster;
static dlg_client *client;
static dlg_error *error;

static int start(void **state)
{
    (void)state;
    struct test_cluster_options options = {.configuration = "max_replication_slots = 6\nmax_wal_senders = 6"};
    return operator_start(&options, USERS, MESSAGES, SHARDS, &cluster, &client) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    dlg_close(NULL, client, 0);
    test_cluster_free(cluster);
    return 0;
}

/* The rebalance is refused with these words, nothing has moved, and a status says the same. */
static void refused(const char *check, int node, const char *words)
{
    operator_expect(dlg_cluster_rebalance(NULL, client, NULL, NULL, NULL, &error), DLG_E_PRECONDITION, &error, words);
    assert_int_equal(operator_shards(cluster, 3), 0);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_background_job"), 0);
    dlg_cluster *status = operator_status(client);
    bool found = false;
    for (size_t i = 0; i < dlg_cluster_problem_count(status); i++) {
        const dlg_cluster_problem *problem = dlg_cluster_problem_at(status, i);
        bool same = strcmp(problem->check, check) == 0;
        found |= same && strcmp(problem->node, node < 0 ? "" : operator_name(cluster, node)) == 0;
        assert_true(*problem->text && *problem->repair);
    }
    assert_true(found);
    for (int i = 0; i < 4; i++)
        assert_int_equal(operator_node(status, cluster, i)->ready, i != node);
    dlg_cluster_free(status);
}

static void execute(int node, const char *sql)
{
    assert_true(test_cluster_execute(cluster, node, "%s", sql));
}

static void restart(int node)
{
    assert_true(test_server_restart(test_cluster_server(cluster, node)));
}

/* ---- Each thing ---- */

static void wal_level(void **state)
{
    (void)state;
    char words[128];
    execute(2, "ALTER SYSTEM SET wal_level = replica");
    restart(2);
    snprintf(words, sizeof words, "wal_level of %s is replica|ALTER SYSTEM SET wal_level = 'logical'|restart",
             operator_name(cluster, 2));
    refused("wal_level", 2, words);
    execute(2, "ALTER SYSTEM RESET wal_level");
    restart(2);
}

static void a_table_without_a_key(void **state)
{
    (void)state;
    execute(0, "CREATE TABLE likes (message_id bigint, user_id uuid)");
    execute(0, "SELECT create_distributed_table('likes', 'user_id', colocate_with := 'dialogs')");
    refused("primary_key", -1,
            "public.likes has no primary key|ALTER TABLE public.likes ADD PRIMARY KEY (user_id, ...)");
    execute(0, "ALTER TABLE likes REPLICA IDENTITY FULL");
    dlg_cluster *status = operator_status(client);
    assert_int_equal(dlg_cluster_problem_count(status), 0);
    dlg_cluster_free(status);
    execute(0, "DROP TABLE likes");
}

static void a_node_that_is_down(void **state)
{
    (void)state;
    char words[128];
    assert_true(test_server_stop(test_cluster_server(cluster, 3)));
    snprintf(words, sizeof words, "%s does not answer the coordinator|failed to connect|pg_hba.conf",
             operator_name(cluster, 3));
    refused("reachable", 3, words);
    dlg_cluster *status = operator_status(client);
    const dlg_cluster_node *node = operator_node(status, cluster, 3);
    assert_true(node->active && !node->answers && !node->reachable);
    assert_non_null(strstr(node->unreachable, "refused"));
    dlg_cluster_free(status);
    restart(3);
}

/* The coordinator reaches both, but one of them does not reach the other. */
static void a_node_that_another_does_not_reach(void **state)
{
    (void)state;
    char words[160];
    execute(2, "ALTER SYSTEM SET citus.node_conninfo = 'sslmode=require'");
    execute(2, "SELECT pg_reload_conf()");
    snprintf(words, sizeof words, "%s does not reach 127.0.0.1:", operator_name(cluster, 2));
    operator_wait(cluster, 1, "SELECT (count(*) > 0)::int FROM citus_check_cluster_node_health() WHERE NOT result");
    refused("reachable", 2, words);
    execute(2, "ALTER SYSTEM RESET citus.node_conninfo");
    execute(2, "SELECT pg_reload_conf()");
    operator_wait(cluster, 0, "SELECT (count(*) > 0)::int FROM citus_check_cluster_node_health() WHERE NOT result");
}

static void replication_slots(void **state)
{
    (void)state;
    execute(1, "SELECT pg_create_physical_replication_slot('taken_' || n) FROM generate_series(1, 6) AS n");
    refused("slots", 1, "has 0 free replication slots|max_replication_slots|pg_replication_slots");
    execute(1, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
}

static void somebody_elses_table(void **state)
{
    (void)state;
    const char *conninfo = test_cluster_conninfo(cluster, 0);
    char other[1024];
    execute(0, "CREATE ROLE app LOGIN; CREATE ROLE boss; GRANT SELECT ON dlg_schema TO app");
    snprintf(other, sizeof other, "%s user=app", conninfo);
    dlg_client *app = NULL;
    assert_ok(dlg_open(&app, other, NULL, &error), error);
    char words[256];
    snprintf(words, sizeof words, "the table public.dialogs belongs to|GRANT|TO app");
    operator_expect(dlg_cluster_rebalance(NULL, app, NULL, NULL, NULL, &error), DLG_E_PRECONDITION, &error, words);
    operator_expect(dlg_cluster_undistribute(app, 0, NULL, NULL, &error), DLG_E_PRECONDITION, &error, "owner");
    operator_expect(dlg_cluster_add_node(app, "127.0.0.1", 1, NULL, &error), DLG_E_PRECONDITION, &error,
                    "needs a superuser|app");
    operator_expect(dlg_cluster_remove_node(NULL, app, OPERATOR_NODE(cluster, 3), NULL, NULL, NULL, &error),
                    DLG_E_PRECONDITION, &error, "needs a superuser");
    assert_int_equal(operator_shards(cluster, 3), 0);
    dlg_close(NULL, app, 0);
}

static void the_last_node_that_takes_shards(void **state)
{
    (void)state;
    for (int node = 2; node <= 3; node++)
        assert_true(test_cluster_execute(cluster, 0,
                                         "SELECT citus_set_node_property('127.0.0.1', %d, "
                                         "'shouldhaveshards', false)",
                                         test_server_port(test_cluster_server(cluster, node))));
    operator_expect(dlg_cluster_remove_node(NULL, client, OPERATOR_NODE(cluster, 1), NULL, NULL, NULL, &error),
                    DLG_E_PRECONDITION, &error, "last node that takes shards|add-node|undistribute");
    assert_int_equal(operator_shards(cluster, 1), SHARDS / 2);
    execute(0, "SELECT citus_set_node_property(nodename, nodeport, 'shouldhaveshards', groupid > 0) FROM pg_dist_node");
}

/* A node whose drain is refused takes shards as before. */
static void a_refused_removal_changes_nothing(void **state)
{
    (void)state;
    execute(2, "ALTER SYSTEM SET wal_level = replica");
    restart(2);
    operator_expect(dlg_cluster_remove_node(NULL, client, OPERATOR_NODE(cluster, 2), NULL, NULL, NULL, &error),
                    DLG_E_PRECONDITION, &error, "wal_level");
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_node WHERE shouldhaveshards"), 3);
    assert_int_equal(operator_shards(cluster, 2), SHARDS / 2);
    execute(2, "ALTER SYSTEM RESET wal_level");
    restart(2);
}

/* Blocking writes is a way around wal_level, but only when asked for. */
static void blocking_writes_when_told_so(void **state)
{
    (void)state;
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    dlg_rebalance *rebalance = NULL;
    execute(1, "ALTER SYSTEM SET wal_level = replica");
    restart(1);
    options.mode = DLG_TRANSFER_MODE_FORCE_LOGICAL;
    operator_expect(dlg_cluster_rebalance(NULL, client, &options, NULL, NULL, &error), DLG_E_PRECONDITION, &error,
                    "wal_level");
    options.mode = DLG_TRANSFER_MODE_BLOCK_WRITES;
    assert_ok(dlg_cluster_rebalance(&rebalance, client, &options, NULL, NULL, &error), error);
    assert_true(dlg_rebalance_describe(rebalance)->moves_done > 0);
    assert_true(operator_shards(cluster, 3) > 0);
    dlg_rebalance_free(rebalance);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wal_level),
        cmocka_unit_test(a_table_without_a_key),
        cmocka_unit_test(a_node_that_is_down),
        cmocka_unit_test(a_node_that_another_does_not_reach),
        cmocka_unit_test(replication_slots),
        cmocka_unit_test(somebody_elses_table),
        cmocka_unit_test(the_last_node_that_takes_shards),
        cmocka_unit_test(a_refused_removal_changes_nothing),
        cmocka_unit_test(blocking_writes_when_told_so),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
