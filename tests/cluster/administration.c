/* The life of a cluster through dlg_cluster_*: two workers, distributed, three, rebalanced, two again, plain again. */
#include "check.h"

#include "operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 60, MESSAGES = 6000, SHARDS = 8 };

static struct test_cluster *cluster;
static dlg_client *client;
static dlg_error *error;
static int64_t content; /* what was filled in */

static int start(void **state)
{
    (void)state;
    cluster = test_cluster_start(2, NULL);
    if (!cluster)
        return -1;
    client = operator_open(cluster, 0, NULL, NULL);
    operator_fill(cluster, USERS, MESSAGES);
    content = operator_content(cluster);
    return test_cluster_add(cluster) == 3 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    dlg_close(NULL, client, 0);
    test_cluster_free(cluster);
    return 0;
}

/* What a callback was told, last and in all. */
struct told {
    int calls;
    uint32_t moves_done, moves_total;
    uint64_t bytes_done, bytes_total, rows_done, rows_total;
    bool shard_seen;
};

static int tell(const dlg_cluster_progress *progress, void *payload)
{
    struct told *told = payload;
    assert_non_null(progress->phase);
    assert_true(*progress->phase);
    assert_true(progress->moves_done >= told->moves_done);
    assert_true(progress->moves_done <= progress->moves_total);
    assert_true(progress->bytes_done <= progress->bytes_total);
    told->calls++;
    told->moves_done = progress->moves_done;
    told->moves_total = progress->moves_total;
    told->bytes_done = progress->bytes_done;
    told->bytes_total = progress->bytes_total;
    told->rows_done = progress->rows_done;
    told->rows_total = progress->rows_total;
    told->shard_seen |= progress->shard && *progress->source && *progress->target;
    return 0;
}

/* ---- Plain tables in a cluster ---- */

static void a_status_before_anything_is_distributed(void **state)
{
    (void)state;
    dlg_cluster *status = operator_status(client);
    assert_int_equal(dlg_cluster_describe(status)->distributed, 0);
    char *citus = test_cluster_value(cluster, 0, "SELECT split_part(citus_version(), ' ', 2)");
    assert_string_equal(dlg_cluster_describe(status)->citus, citus);
    free(citus);
    assert_int_equal(dlg_cluster_node_count(status), 3);
    assert_int_equal(dlg_cluster_problem_count(status), 0);
    assert_int_equal(dlg_cluster_job_state(status), DLG_JOB_STATE_NONE);
    assert_null(dlg_cluster_job(status));
    assert_null(dlg_cluster_node_at(status, 3));
    assert_null(dlg_cluster_hot_at(status, 0));
    assert_null(dlg_cluster_leftover_at(status, 0));
    for (int i = 0; i < 3; i++) {
        const dlg_cluster_node *node = operator_node(status, cluster, i);
        assert_int_equal(node->group, i);
        assert_string_equal(node->role, i ? "worker" : "coordinator");
        assert_string_equal(node->host, "127.0.0.1");
        assert_true(node->active && node->answers && node->reachable && node->ready);
        assert_int_equal(node->takes_shards, i != 0);
        assert_int_equal(node->shards, 0);
        assert_string_equal(node->wal_level, "logical");
        assert_true(*node->postgresql && *node->citus);
        assert_string_equal(node->unreachable, "");
    }
    dlg_cluster_free(status);
}

static void what_needs_shards_says_that_there_are_none(void **state)
{
    (void)state;
    static const char words[] = "not distributed|dlgctl cluster distribute";
    dlg_uuid user;
    dlg_uuid_random(&user);
    operator_expect(dlg_cluster_rebalance(NULL, client, NULL, NULL, NULL, &error), DLG_E_NOT_CLUSTER, &error, words);
    operator_expect(dlg_cluster_rebalance_wait(NULL, client, NULL, NULL, NULL, &error), DLG_E_NOT_CLUSTER, &error,
                    words);
    operator_expect(dlg_cluster_rebalance_cancel(client, 0, &error), DLG_E_NOT_CLUSTER, &error, words);
    operator_expect(dlg_cluster_undistribute(client, 0, NULL, NULL, &error), DLG_E_NOT_CLUSTER, &error, words);
    operator_expect(dlg_cluster_isolate(NULL, client, &user, NULL, NULL, NULL, &error), DLG_E_NOT_CLUSTER, &error,
                    words);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    dlg_distribute_options distribute = DLG_DISTRIBUTE_OPTIONS_INIT;
    dlg_rebalance_options rebalance = DLG_REBALANCE_OPTIONS_INIT;
    dlg_node_options node = DLG_NODE_OPTIONS_INIT;
    dlg_isolate_options isolate = DLG_ISOLATE_OPTIONS_INIT;
    dlg_uuid user;
    dlg_uuid_random(&user);
    operator_expect(dlg_cluster_status(NULL, NULL, &error), DLG_E_ARGUMENT, &error, "dlg_open");
    distribute.shard_count = 0;
    operator_expect(dlg_cluster_distribute(client, &distribute, NULL, NULL, &error), DLG_E_ARGUMENT, &error, "64000");
    distribute.shard_count = 64001;
    operator_expect(dlg_cluster_distribute(client, &distribute, NULL, NULL, &error), DLG_E_ARGUMENT, &error, "64000");
    distribute.version = 9;
    operator_expect(dlg_cluster_distribute(client, &distribute, NULL, NULL, &error), DLG_E_ARGUMENT, &error, "_INIT");
    rebalance.mode = (dlg_transfer_mode)7;
    operator_expect(dlg_cluster_rebalance(NULL, client, &rebalance, NULL, NULL, &error), DLG_E_ARGUMENT, &error,
                    "mode");
    rebalance.mode = DLG_TRANSFER_MODE_AUTO;
    rebalance.retries = -2;
    operator_expect(dlg_cluster_rebalance(NULL, client, &rebalance, NULL, NULL, &error), DLG_E_ARGUMENT, &error,
                    "retries");
    rebalance.retries = 0;
    rebalance.flags = 128;
    operator_expect(dlg_cluster_rebalance(NULL, client, &rebalance, NULL, NULL, &error), DLG_E_ARGUMENT, &error,
                    "DLG_REBALANCE_DRY_RUN");
    operator_expect(dlg_cluster_add_node(client, "", 5432, NULL, &error), DLG_E_ARGUMENT, &error, "host");
    operator_expect(dlg_cluster_add_node(client, "somewhere", 0, NULL, &error), DLG_E_ARGUMENT, &error, "65535");
    node.flags = 128;
    operator_expect(dlg_cluster_add_node(client, "somewhere", 1, &node, &error), DLG_E_ARGUMENT, &error, "_WAL_LEVEL");
    operator_expect(dlg_cluster_isolate(NULL, client, NULL, NULL, NULL, NULL, &error), DLG_E_ARGUMENT, &error,
                    "recipient");
    isolate.host = "somewhere";
    operator_expect(dlg_cluster_isolate(NULL, client, &user, &isolate, NULL, NULL, &error), DLG_E_ARGUMENT, &error,
                    "port");
}

static void a_worker_does_not_administer(void **state)
{
    (void)state;
    dlg_client *other = operator_open(cluster, 1, NULL, NULL);
    operator_expect(dlg_cluster_status(NULL, other, &error), DLG_E_PRECONDITION, &error, "is a worker|group 1");
    assert_int_equal(dlg_close(NULL, other, 0), DLG_OK);
    char words[96];
    snprintf(words, sizeof words, "connect to its coordinator, %s", operator_name(cluster, 0));
    other = operator_open(cluster, 1, NULL, NULL);
    operator_expect(dlg_cluster_distribute(other, NULL, NULL, NULL, &error), DLG_E_PRECONDITION, &error, words);
    dlg_close(NULL, other, 0);
}

/* ---- Distributing ---- */

static void wait_until_routed(void)
{
    dlg_stats stats = DLG_STATS_INIT;
    dlg_uuid ann, ben;
    dlg_uuid_random(&ann);
    dlg_uuid_random(&ben);
    for (int i = 0; i < 200; i++) {
        assert_ok(dlg_send(NULL, client, &ann, &ben, "hello", DLG_NTS, NULL, &error), error);
        assert_int_equal(dlg_stats_get(&stats, client), DLG_OK);
        if (stats.routed > 0)
            break;
        usleep(20000);
    }
    assert_true(stats.routed > 0);
    assert_true(test_cluster_execute(cluster, 0, "DELETE FROM dialogs WHERE text = 'hello'"));
}

static int refuse(const dlg_cluster_progress *progress, void *payload)
{
    (void)payload;
    return strstr(progress->phase, "distributing users") || strstr(progress->phase, "taking dialogs");
}

static void a_stopped_distribution_is_undone(void **state)
{
    (void)state;
    operator_expect(dlg_cluster_distribute(client, NULL, refuse, NULL, &error), DLG_E_CANCELLED, &error, "stopped");
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_partition"), 0);
    assert_int_equal(operator_content(cluster), content);
}

static void distributing_moves_the_rows(void **state)
{
    (void)state;
    struct told told = {0};
    dlg_distribute_options options = DLG_DISTRIBUTE_OPTIONS_INIT;
    options.shard_count = SHARDS;
    assert_ok(dlg_cluster_distribute(client, &options, tell, &told, &error), error);
    assert_int_equal(told.rows_total, USERS + MESSAGES);
    assert_int_equal(told.rows_done, USERS + MESSAGES);
    assert_true(told.calls >= 5);
    assert_int_equal(operator_content(cluster), content);
    assert_int_equal(operator_shards(cluster, 1), SHARDS / 2);
    assert_int_equal(operator_shards(cluster, 2), SHARDS / 2);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT pg_relation_size('dialogs') + pg_relation_size('users')"),
                     0);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(DISTINCT colocationid) FROM pg_dist_partition"), 1);
    wait_until_routed(); /* this client, which was opened on plain tables */
}

static void distributing_again_is_refused(void **state)
{
    (void)state;
    operator_expect(dlg_cluster_distribute(client, NULL, NULL, NULL, &error), DLG_E_STATE, &error,
                    "already, in 8 shards");
}

static void a_status_tells_sizes_and_rows(void **state)
{
    (void)state;
    dlg_cluster *status = operator_status(client);
    const dlg_cluster_info *info = dlg_cluster_describe(status);
    const dlg_cluster_node *one = operator_node(status, cluster, 1), *two = operator_node(status, cluster, 2);
    assert_true(info->distributed && info->users_distributed);
    assert_int_equal(info->shards, SHARDS);
    assert_int_equal(info->rows, MESSAGES);
    assert_int_equal(one->rows + two->rows, MESSAGES);
    assert_int_equal(info->unknown_shards, 0);
    assert_int_equal(info->bytes, one->bytes + two->bytes);
    assert_int_equal(info->bytes, test_cluster_number(cluster, 0, "SELECT sum(shard_size) FROM citus_shards"));
    uint64_t most = one->rows > two->rows ? one->rows : two->rows;
    assert_true(info->skew_rows >= 1 && info->skew_rows < 2);
    assert_float_equal(info->skew_rows, (double)most * 2 / MESSAGES, 0.0001);
    assert_true(info->routed > 0);
    dlg_cluster_free(status);
}

/* ---- Growing ---- */

static void a_node_is_added(void **state)
{
    (void)state;
    assert_ok(dlg_cluster_add_node(client, OPERATOR_NODE(cluster, 3), NULL, &error), error);
    assert_int_equal(operator_shards(cluster, 3), 0);
    operator_expect(dlg_cluster_add_node(client, OPERATOR_NODE(cluster, 3), NULL, &error), DLG_E_STATE, &error,
                    "already");
    operator_expect(dlg_cluster_add_node(client, OPERATOR_NODE(cluster, 0), NULL, &error), DLG_E_STATE, &error,
                    "already");
    assert_int_equal(test_cluster_number(cluster, 3, "SELECT count(*) FROM dialogs"), MESSAGES);
}

static int64_t placements(void)
{
    return test_cluster_number(cluster, 0,
                               "SELECT sum(hashtext(shardid || ' ' || groupid)::bigint) FROM pg_dist_placement");
}

static void a_dry_run_lists_moves_and_makes_none(void **state)
{
    (void)state;
    dlg_rebalance_options options = DLG_REBALANCE_OPTIONS_INIT;
    dlg_rebalance *plan = NULL;
    int64_t before = placements();
    options.flags = DLG_REBALANCE_DRY_RUN;
    assert_ok(dlg_cluster_rebalance(&plan, client, &options, NULL, NULL, &error), error);
    assert_int_equal(dlg_rebalance_move_count(plan), 2);
    assert_int_equal(dlg_rebalance_describe(plan)->moves_total, 2);
    assert_int_equal(dlg_rebalance_describe(plan)->job, 0);
    assert_int_equal(dlg_rebalance_describe(plan)->state, DLG_JOB_STATE_NONE);
    for (size_t i = 0; i < 2; i++) {
        const dlg_shard_move *move = dlg_rebalance_move_at(plan, i);
        assert_true(move->bytes > 0);
        assert_string_equal(move->target, operator_name(cluster, 3));
        assert_int_equal(test_cluster_number(cluster, 0,
                                             "SELECT count(*) FROM pg_dist_shard WHERE shardid = %lld "
                                             "AND logicalrelid = 'dialogs'::regclass",
                                             (long long)move->shard),
                         1);
    }
    assert_null(dlg_rebalance_move_at(plan, 2));
    dlg_rebalance_free(plan);
    assert_int_equal(placements(), before);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_background_job"), 0);
}

static void a_rebalance_spreads_the_shards(void **state)
{
    (void)state;
    struct told told = {0};
    dlg_rebalance *rebalance = NULL;
    assert_ok(dlg_cluster_rebalance(&rebalance, client, NULL, tell, &told, &error), error);
    const dlg_rebalance_info *info = dlg_rebalance_describe(rebalance);
    assert_int_equal(info->state, DLG_JOB_STATE_FINISHED);
    assert_true(info->job > 0);
    assert_int_equal(info->moves_done, 2);
    assert_int_equal(info->moves_total, 2);
    assert_int_equal(info->bytes_done, info->bytes_total);
    assert_true(info->bytes_total > 0);
    assert_int_equal(dlg_rebalance_move_count(rebalance), 2);
    assert_string_equal(dlg_rebalance_move_at(rebalance, 0)->target, operator_name(cluster, 3));
    dlg_rebalance_free(rebalance);
    assert_true(told.shard_seen);
    assert_int_equal(told.moves_done, 2);
    assert_int_equal(told.bytes_done, told.bytes_total);
    assert_int_equal(operator_shards(cluster, 1), 3);
    assert_int_equal(operator_shards(cluster, 2), 3);
    assert_int_equal(operator_shards(cluster, 3), 2);
    assert_int_equal(operator_content(cluster), content);
}

static void balanced_shards_are_left_alone(void **state)
{
    (void)state;
    dlg_rebalance *rebalance = NULL;
    assert_ok(dlg_cluster_rebalance(&rebalance, client, NULL, NULL, NULL, &error), error);
    assert_int_equal(dlg_rebalance_move_count(rebalance), 0);
    assert_int_equal(dlg_rebalance_describe(rebalance)->state, DLG_JOB_STATE_FINISHED);
    dlg_rebalance_free(rebalance);
    assert_ok(dlg_cluster_rebalance(NULL, client, NULL, NULL, NULL, &error), error);
}

static void waiting_for_nothing_tells_of_the_last_one(void **state)
{
    (void)state;
    dlg_rebalance *rebalance = NULL;
    assert_ok(dlg_cluster_rebalance_wait(&rebalance, client, NULL, NULL, NULL, &error), error);
    assert_int_equal(dlg_rebalance_describe(rebalance)->state, DLG_JOB_STATE_FINISHED);
    assert_int_equal(dlg_rebalance_describe(rebalance)->moves_done, 2);
    dlg_rebalance_free(rebalance);
    operator_expect(dlg_cluster_rebalance_cancel(client, 0, &error), DLG_E_STATE, &error, "no rebalance");
}

/* ---- Shrinking ---- */

static void a_node_that_is_none_cannot_be_removed(void **state)
{
    (void)state;
    operator_expect(dlg_cluster_remove_node(NULL, client, "127.0.0.1", 1, NULL, NULL, NULL, &error), DLG_E_STATE,
                    &error, "has no node 127.0.0.1:1");
    operator_expect(dlg_cluster_remove_node(NULL, client, OPERATOR_NODE(cluster, 0), NULL, NULL, NULL, &error),
                    DLG_E_ARGUMENT, &error, "coordinator");
}

static void a_removed_node_has_nothing_left(void **state)
{
    (void)state;
    struct told told = {0};
    dlg_rebalance *rebalance = NULL;
    assert_ok(dlg_cluster_remove_node(&rebalance, client, OPERATOR_NODE(cluster, 3), NULL, tell, &told, &error), error);
    assert_int_equal(dlg_rebalance_describe(rebalance)->moves_done, 2);
    assert_true(told.shard_seen);
    dlg_rebalance_free(rebalance);
    assert_int_equal(operator_content(cluster), content);
    assert_int_equal(operator_shards(cluster, 1) + operator_shards(cluster, 2), SHARDS);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_node"), 3);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_cleanup"), 0);
    assert_int_equal(test_cluster_number(cluster, 3,
                                         "SELECT (SELECT count(*) FROM pg_dist_node) + "
                                         "(SELECT count(*) FROM pg_dist_partition) + (SELECT count(*) FROM pg_class "
                                         "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)"),
                     0);
}

static void an_empty_node_comes_and_goes(void **state)
{
    (void)state;
    dlg_rebalance *rebalance = NULL;
    assert_ok(dlg_cluster_add_node(client, OPERATOR_NODE(cluster, 3), NULL, &error), error);
    assert_ok(dlg_cluster_remove_node(&rebalance, client, OPERATOR_NODE(cluster, 3), NULL, NULL, NULL, &error), error);
    assert_int_equal(dlg_rebalance_move_count(rebalance), 0);
    dlg_rebalance_free(rebalance);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_node"), 3);
}

/* ---- Back ---- */

static void a_stopped_undistribution_is_undone(void **state)
{
    (void)state;
    operator_expect(dlg_cluster_undistribute(client, 0, refuse, NULL, &error), DLG_E_CANCELLED, &error, "stopped");
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_partition"), 2);
    assert_int_equal(operator_content(cluster), content);
}

static void what_depends_on_the_table_is_not_dropped(void **state)
{
    (void)state;
    assert_true(test_cluster_execute(cluster, 0, "CREATE VIEW texts AS SELECT text FROM dialogs"));
    operator_expect(dlg_cluster_undistribute(client, 0, NULL, NULL, &error), DLG_E_DATABASE, &error, "depend|texts");
    assert_int_equal(operator_content(cluster), content);
    assert_true(test_cluster_execute(cluster, 0, "DROP VIEW texts"));
}

/* Whatever is to be the same after both ways. */
static char *shape(void)
{
    return test_cluster_value(
        cluster, 0,
        "SELECT concat_ws(' ', (SELECT string_agg(indexdef, ' ' ORDER BY indexdef) FROM pg_indexes "
        "WHERE tablename IN ('dialogs', 'users')), "
        "(SELECT string_agg(conname || pg_get_constraintdef(oid), ' ' ORDER BY conname) FROM pg_constraint "
        "WHERE conrelid IN ('dialogs'::regclass, 'users'::regclass)), "
        "(SELECT string_agg(concat_ws(' ', attname, atttypid, attidentity, attnotnull, attacl), ' ' ORDER BY attnum) "
        "FROM pg_attribute WHERE attrelid = 'dialogs'::regclass AND attnum > 0 AND NOT attisdropped), "
        "(SELECT string_agg(privilege_type || grantee, ' ' ORDER BY privilege_type, grantee) "
        "FROM pg_class, aclexplode(relacl) WHERE oid = 'dialogs'::regclass), pg_get_serial_sequence('dialogs', 'id'))");
}

static void undistributed_tables_are_as_before(void **state)
{
    (void)state;
    dlg_uuid ann, ben;
    dlg_uuid_random(&ann);
    dlg_uuid_random(&ben);
    assert_true(test_cluster_execute(cluster, 0,
                                     "CREATE ROLE reader; GRANT SELECT ON dialogs TO reader; "
                                     "GRANT UPDATE (text) ON dialogs TO reader; "
                                     "SELECT nextval('dialogs_id_seq') FROM generate_series(1, 500)"));
    char *before = shape();
    assert_ok(dlg_cluster_undistribute(client, 0, NULL, NULL, &error), error);
    char *after = shape();
    assert_true(before && strstr(before, "ix_dialogs_user_id_to_user_id"));
    assert_string_equal(after, before);
    free(before);
    free(after);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT nextval('dialogs_id_seq')"), 501);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM pg_dist_partition"), 0);
    assert_int_equal(operator_content(cluster), content);
    assert_ok(dlg_send(NULL, client, &ann, &ben, "hello again", DLG_NTS, NULL, &error), error);
    assert_int_equal(test_cluster_number(cluster, 0, "SELECT count(*) FROM ONLY dialogs WHERE text = 'hello again'"),
                     1);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_before_anything_is_distributed),
        cmocka_unit_test(what_needs_shards_says_that_there_are_none),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(a_worker_does_not_administer),
        cmocka_unit_test(a_stopped_distribution_is_undone),
        cmocka_unit_test(distributing_moves_the_rows),
        cmocka_unit_test(distributing_again_is_refused),
        cmocka_unit_test(a_status_tells_sizes_and_rows),
        cmocka_unit_test(a_node_is_added),
        cmocka_unit_test(a_dry_run_lists_moves_and_makes_none),
        cmocka_unit_test(a_rebalance_spreads_the_shards),
        cmocka_unit_test(balanced_shards_are_left_alone),
        cmocka_unit_test(waiting_for_nothing_tells_of_the_last_one),
        cmocka_unit_test(a_node_that_is_none_cannot_be_removed),
        cmocka_unit_test(a_removed_node_has_nothing_left),
        cmocka_unit_test(an_empty_node_comes_and_goes),
        cmocka_unit_test(a_stopped_undistribution_is_undone),
        cmocka_unit_test(what_depends_on_the_table_is_not_dropped),
        cmocka_unit_test(undistributed_tables_are_as_before),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
