/*
 * The walkthrough of docs/cluster.md, from one server's plan to five workers with even shards, while eight writers and
 * eight readers never stop.
 */
#include "check.h"
#include "cluster.h"
#include "load.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct test_cluster *cluster;
static dlg_client *client;

static int start(void **state)
{
    (void)state;
    cluster = test_cluster_start(2, NULL);
    if (!cluster)
        return -1;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    dlg_settings_set(settings, "timeout_ms", "30000", NULL);
    assert_ok(dlg_open(&client, test_cluster_conninfo(cluster, 0), settings, &error), error);
    dlg_settings_free(settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dlg_close(NULL, client, 0);
    test_cluster_free(cluster);
    return 0;
}

/* The plan of the classic query, as one text. */
static char *explain_classic(void)
{
    PGconn *conn = PQconnectdb(test_cluster_conninfo(cluster, 0));
    PGresult *rows = PQexec(
        conn, "EXPLAIN SELECT user_id::text AS \"From\", to_user_id::text AS \"To\", text AS \"Text\" FROM dialogs "
              "WHERE (user_id = '387ac1c1-6581-4ace-a113-707c8585fe28' AND "
              "to_user_id = 'aa45b640-d501-4101-83f2-de96b672129f') OR "
              "(user_id = 'aa45b640-d501-4101-83f2-de96b672129f' AND "
              "to_user_id = '387ac1c1-6581-4ace-a113-707c8585fe28') ORDER BY create_date");
    assert_int_equal(PQresultStatus(rows), PGRES_TUPLES_OK);
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    for (int i = 0; i < PQntuples(rows); i++)
        fprintf(to, "%s\n", PQgetvalue(rows, i, 0));
    fclose(to);
    PQclear(rows);
    PQfinish(conn);
    return text;
}

static int larger_first(const void *a, const void *b)
{
    return *(const int *)b - *(const int *)a;
}

/* Shards of `dialogs` on each worker, the most first: "16/16". */
static void shards_are(const char *expected)
{
    int shards[TEST_CLUSTER_NODES];
    int workers = test_cluster_count(cluster) - 1;
    for (int node = 1; node <= workers; node++)
        shards[node - 1] = (int)test_cluster_number(cluster, 0,
                                                    "SELECT count(*) FROM pg_dist_node JOIN pg_dist_placement "
                                                    "USING (groupid) JOIN pg_dist_shard USING (shardid) "
                                                    "WHERE logicalrelid = 'dialogs'::regclass AND nodeport = %d",
                                                    test_server_port(test_cluster_server(cluster, node)));
    qsort(shards, (size_t)workers, sizeof *shards, larger_first);
    char text[128] = "";
    for (int i = 0; i < workers; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", i ? "/" : "", shards[i]);
    assert_string_equal(text, expected);
}

static void one_server_has_one_plan(void **state)
{
    (void)state;
    char *plan = explain_classic();
    assert_null(strstr(plan, "Citus"));
    assert_null(strstr(plan, "Task Count"));
    assert_non_null(strstr(plan, "ix_dialogs_user_id_to_user_id"));
    free(plan);
}

static void distributing_makes_two_tasks(void **state)
{
    (void)state;
    dlg_error *error = NULL;
    assert_ok(dlg_cluster_distribute(client, NULL, NULL, NULL, &error), error);
    char *plan = explain_classic();
    assert_non_null(strstr(plan, "Custom Scan (Citus Adaptive)"));
    assert_non_null(strstr(plan, "Task Count: 2"));
    free(plan);
    char *column = test_cluster_value(cluster, 0,
                                      "SELECT distribution_column FROM citus_tables "
                                      "WHERE table_name = 'dialogs'::regclass");
    assert_string_equal(column, "to_user_id");
    free(column);
    shards_are("16/16");
}

static int show_move(const dlg_cluster_progress *progress, void *payload)
{
    int64_t *last = payload;
    if (progress->shard && progress->shard != *last)
        printf("move %u of %u: shard %lld, %s -> %s\n", progress->moves_done + 1, progress->moves_total,
               (long long)progress->shard, progress->source, progress->target);
    if (progress->shard)
        *last = progress->shard;
    return 0;
}

static void check_count(struct load *load)
{
    struct load_result result;
    load_judge(load, client, &result);
    printf("%llu sent, %llu listed, longest pause of a writer %.3f s\n", (unsigned long long)result.sent,
           (unsigned long long)result.listed, (double)result.pause_us / 1e6);
    assert_true(result.sent > 100 && result.listed > 100);
    load_free(load);
}

static void the_cluster_grows_under_load(void **state)
{
    (void)state;
    dlg_error *error = NULL;
    dlg_rebalance *result = NULL;
    int64_t last = 0;
    struct load *load = load_start(client, 8, 8);
    for (int i = 0; i < 3; i++) {
        int node = test_cluster_add(cluster);
        assert_true(node > 0);
        int port = test_server_port(test_cluster_server(cluster, node));
        assert_ok(dlg_cluster_add_node(client, "127.0.0.1", port, NULL, &error), error);
    }
    shards_are("16/16/0/0/0");
    for (int node = 0; node < test_cluster_count(cluster); node++) {
        char *level = test_cluster_value(cluster, node, "SHOW wal_level");
        assert_string_equal(level, "logical");
        free(level);
    }
    assert_ok(dlg_cluster_rebalance(&result, client, NULL, show_move, &last, &error), error);
    assert_int_equal(dlg_rebalance_describe(result)->state, DLG_JOB_STATE_FINISHED);
    assert_int_equal(dlg_rebalance_describe(result)->moves_done, 18);
    dlg_rebalance_free(result);
    char *finished = test_cluster_value(cluster, 0, "SELECT state FROM citus_rebalance_status()");
    assert_string_equal(finished, "finished");
    free(finished);
    shards_are("7/7/6/6/6");
    check_count(load);
}

static void everything_is_routed_again(void **state)
{
    (void)state;
    dlg_cluster *status = NULL;
    dlg_error *error = NULL;
    assert_ok(dlg_cluster_status(&status, client, &error), error);
    assert_int_equal(dlg_cluster_node_count(status), 6);
    for (size_t i = 0; i < dlg_cluster_node_count(status); i++)
        assert_true(dlg_cluster_node_at(status, i)->answers && dlg_cluster_node_at(status, i)->reachable);
    assert_int_equal(dlg_cluster_describe(status)->shards, 32);
    dlg_cluster_free(status);

    struct load_result so_far;
    dlg_stats before = DLG_STATS_INIT, after = DLG_STATS_INIT;
    dlg_stats_get(&before, client);
    struct load *load = load_start(client, 8, 8);
    do
        load_look(load, &so_far);
    while (so_far.failed == 0 && (so_far.sent < 500 || so_far.listed < 500));
    check_count(load);
    dlg_stats_get(&after, client);
    assert_true(after.routed - before.routed > 1000);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_server_has_one_plan),
        cmocka_unit_test(distributing_makes_two_tasks),
        cmocka_unit_test(the_cluster_grows_under_load),
        cmocka_unit_test(everything_is_routed_again),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
