#include "check.h"

#include "operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

dlg_client *operator_open(const struct test_cluster *cluster, int node, const char *name, const char *value)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    if (node)
        assert_ok(dlg_settings_set(settings, "schema", "none", &error), error);
    if (name)
        assert_ok(dlg_settings_set(settings, name, value, &error), error);
    assert_ok(dlg_open(&client, test_cluster_conninfo(cluster, node), settings, &error), error);
    dlg_settings_free(settings);
    return client;
}

void operator_fill(const struct test_cluster *cluster, int users, int messages)
{
    assert_true(test_cluster_execute(cluster, 0,
                                     "INSERT INTO users (id, password_hash) SELECT "
                                     "md5('user ' || n)::uuid, 'x' FROM generate_series(1, %d) AS n",
                                     users));
    assert_true(test_cluster_execute(cluster, 0,
                                     "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT n, "
                                     "md5('user ' || n %% %d + 1)::uuid, md5('user ' || n / 3 %% %d + 1)::uuid, "
                                     "repeat('text ', 1 + n %% 60), '2026-01-01'::timestamptz + n * interval '1 s' "
                                     "FROM generate_series(1, %d) AS n",
                                     users, users, messages));
    assert_true(test_cluster_execute(cluster, 0, "ANALYZE dialogs, users"));
}

void operator_expect(int code, int expected, dlg_error **error, const char *words)
{
    char word[256];
    if (code != expected)
        fail_msg("%s instead of %s: %s", dlg_code_name(code), dlg_code_name(expected), dlg_error_message(*error));
    assert_int_equal(dlg_error_code(*error), expected);
    for (const char *at = words; at && *at; at += strcspn(at, "|") + (strchr(at, '|') ? 1 : 0)) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, "|"), at);
        if (!strstr(dlg_error_message(*error), word))
            fail_msg("no \"%s\" in: %s", word, dlg_error_message(*error));
    }
    dlg_error_free(*error);
    *error = NULL;
}

int64_t operator_shards(const struct test_cluster *cluster, int node)
{
    return test_cluster_number(cluster, 0,
                               "SELECT count(*) FROM pg_dist_placement JOIN pg_dist_shard USING (shardid) "
                               "JOIN pg_dist_node USING (groupid) WHERE logicalrelid = 'dialogs'::regclass "
                               "AND nodeport = %d",
                               test_server_port(test_cluster_server(cluster, node)));
}

void operator_move(const struct test_cluster *cluster, int from, int to)
{
    int source = test_server_port(test_cluster_server(cluster, from));
    int target = test_server_port(test_cluster_server(cluster, to));
    assert_true(
        test_cluster_execute(cluster, 0,
                             "SELECT citus_move_shard_placement(min(shardid), '127.0.0.1', %d, '127.0.0.1', %d, "
                             "'block_writes') FROM citus_shards WHERE table_name = 'dialogs'::regclass AND "
                             "nodeport = %d",
                             source, target, source));
}

int64_t operator_content(const struct test_cluster *cluster)
{
    return test_cluster_number(
        cluster, 0,
        "SELECT (SELECT sum(hashtext(id || ' ' || user_id || to_user_id || text || create_date)::bigint) FROM dialogs) "
        "+ "
        "(SELECT count(*) FROM dialogs) + (SELECT sum(hashtext(id || password_hash)::bigint) FROM users)");
}

const char *operator_name(const struct test_cluster *cluster, int node)
{
    static char names[4][64];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(names[turn], sizeof names[turn], "127.0.0.1:%d", test_server_port(test_cluster_server(cluster, node)));
    return names[turn];
}

void operator_distribute(dlg_client *client, int shards)
{
    dlg_error *error = NULL;
    dlg_distribute_options options = DLG_DISTRIBUTE_OPTIONS_INIT;
    options.shard_count = shards;
    assert_ok(dlg_cluster_distribute(client, &options, NULL, NULL, &error), error);
}

bool operator_start(const struct test_cluster_options *options, int users, int messages, int shards,
                    struct test_cluster **cluster, dlg_client **client)
{
    *cluster = test_cluster_start(2, options);
    if (!*cluster)
        return false;
    *client = operator_open(*cluster, 0, NULL, NULL);
    operator_fill(*cluster, users, messages);
    operator_distribute(*client, shards);
    return test_cluster_add(*cluster) == OPERATOR_NEWCOMER && test_cluster_register(*cluster, OPERATOR_NEWCOMER);
}

void operator_admit_splits(const struct test_cluster *cluster)
{
    for (int node = 0; node < test_cluster_count(cluster); node++) {
        if (test_cluster_number(cluster, node,
                                "SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'") != 1)
            continue;
        assert_true(test_cluster_execute(cluster, node, "ALTER SYSTEM SET output_plugin_libraries = pgoutput, citus"));
        assert_true(test_cluster_execute(cluster, node, "SELECT pg_reload_conf()"));
    }
}

dlg_cluster *operator_status(dlg_client *client)
{
    dlg_error *error = NULL;
    dlg_cluster *status = NULL;
    assert_ok(dlg_cluster_status(&status, client, &error), error);
    assert_non_null(status);
    return status;
}

const dlg_cluster_node *operator_node(const dlg_cluster *status, const struct test_cluster *cluster, int node)
{
    int port = test_server_port(test_cluster_server(cluster, node));
    for (size_t i = 0; i < dlg_cluster_node_count(status); i++)
        if (dlg_cluster_node_at(status, i)->port == port)
            return dlg_cluster_node_at(status, i);
    fail_msg("the status has no node %d", node);
    return NULL;
}

void operator_wait(const struct test_cluster *cluster, int64_t expected, const char *sql)
{
    const struct timespec step = {.tv_nsec = 50000000};
    int64_t number = INT64_MIN;
    for (int i = 0; i < 1200; i++) {
        number = test_cluster_number(cluster, 0, "%s", sql);
        if (number == expected)
            return;
        nanosleep(&step, NULL);
    }
    fail_msg("%lld instead of %lld: %s", (long long)number, (long long)expected, sql);
}

void operator_assert_clean(const struct test_cluster *cluster, dlg_client *client)
{
    operator_wait(cluster, 0, "SELECT count(*) FROM pg_dist_cleanup");
    dlg_cluster *status = operator_status(client);
    assert_int_equal(dlg_cluster_leftover_count(status), 0);
    assert_null(dlg_cluster_job(status));
    dlg_cluster_free(status);
}
