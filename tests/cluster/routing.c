/* Routing on a real cluster: the client's map is the server's, and statements go where it says. */
#include "check.h"
#include "cluster.h"
#include "pg/shard_map.h"

#include <dialogs.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UUIDS = 100000, WORKERS = 2 };

static struct test_cluster *cluster;

static dlg_client *open_client(const char *name, const char *value)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    if (name)
        assert_ok(dlg_settings_set(settings, name, value, &error), error);
    assert_ok(dlg_open(&client, test_cluster_conninfo(cluster, 0), settings, &error), error);
    dlg_settings_free(settings);
    return client;
}

static dlg_stats stats_of(dlg_client *client)
{
    dlg_stats stats = DLG_STATS_INIT;
    assert_int_equal(dlg_stats_get(&stats, client), DLG_OK);
    return stats;
}

/* Sends and lists among `count` users, each once. */
static void exercise(dlg_client *client, int count)
{
    dlg_error *error = NULL;
    for (int i = 0; i < count; i++) {
        dlg_uuid author, recipient;
        dlg_page *page = NULL;
        dlg_uuid_random(&author);
        dlg_uuid_random(&recipient);
        assert_ok(dlg_send(NULL, client, &author, &recipient, "hello", DLG_NTS, NULL, &error), error);
        assert_ok(dlg_send(NULL, client, &recipient, &author, "hello to you", DLG_NTS, NULL, &error), error);
        assert_ok(dlg_list(&page, client, &author, &recipient, NULL, &error), error);
        assert_int_equal(dlg_page_count(page), 2);
        assert_string_equal(dlg_page_at(page, 0)->text, "hello");
        dlg_page_free(page);
    }
}

static int start(void **state)
{
    (void)state;
    cluster = test_cluster_start(WORKERS, NULL);
    if (!cluster)
        return -1;
    dlg_close(NULL, open_client(NULL, NULL), 0); /* makes the tables */
    return test_cluster_distribute(cluster, 32) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    test_cluster_free(cluster);
    return 0;
}

/* ---- The map ---- */

static struct shard_map read_map(PGconn *conn)
{
    PGresult *rows = PQexec(conn, "SELECT shardid, shardminvalue, shardmaxvalue FROM pg_dist_shard "
                                  "WHERE logicalrelid = 'dialogs'::regclass");
    struct shard_map map = {(size_t)PQntuples(rows), calloc((size_t)PQntuples(rows), sizeof(struct shard))};
    for (int i = 0; i < PQntuples(rows); i++)
        map.shards[i] = (struct shard){atoll(PQgetvalue(rows, i, 0)), atoi(PQgetvalue(rows, i, 1)),
                                       atoi(PQgetvalue(rows, i, 2)), 0, 0};
    PQclear(rows);
    assert_true(shard_map_sort(&map));
    return map;
}

static void the_map_is_the_servers_for_100000_uuids(void **state)
{
    (void)state;
    PGconn *conn = PQconnectdb(test_cluster_conninfo(cluster, 0));
    struct shard_map map = read_map(conn);
    PGresult *rows = PQexec(conn, "SELECT u, get_shard_id_for_distribution_column('dialogs', u) "
                                  "FROM (SELECT gen_random_uuid() AS u FROM generate_series(1, 100000)) AS many");
    assert_int_equal(PQntuples(rows), UUIDS);
    for (int i = 0; i < UUIDS; i++) {
        dlg_uuid uuid;
        assert_int_equal(dlg_uuid_parse(&uuid, PQgetvalue(rows, i, 0), DLG_NTS), DLG_OK);
        const struct shard *shard = shard_map_find(&map, &uuid);
        assert_non_null(shard);
        assert_int_equal(shard->id, atoll(PQgetvalue(rows, i, 1)));
    }
    PQclear(rows);
    PQfinish(conn);
    free(map.shards);
}

/* ---- Where statements go ---- */

/* Until the client has its map and its connections, statements take the coordinator's way. */
static void wait_until_routed(dlg_client *client)
{
    for (int i = 0; i < 100; i++) {
        uint64_t before = stats_of(client).fallback;
        exercise(client, 8);
        if (stats_of(client).routed > 0 && stats_of(client).fallback == before)
            return;
        usleep(50000);
    }
    fail_msg("no statement was routed");
}

static void statements_go_to_the_owner(void **state)
{
    (void)state;
    dlg_client *client = open_client(NULL, NULL);
    wait_until_routed(client);
    dlg_stats before = stats_of(client);
    exercise(client, 50);
    dlg_stats after = stats_of(client);
    assert_int_equal(after.routed - before.routed, 200); /* two sends, and two halves of a list, each */
    assert_int_equal(after.fallback, before.fallback);
    dlg_close(NULL, client, 0);
}

static void nothing_is_routed_when_told_so(void **state)
{
    (void)state;
    dlg_client *client = open_client("route", "coordinator");
    usleep(300000);
    exercise(client, 20);
    assert_int_equal(stats_of(client).routed, 0);
    assert_true(stats_of(client).connections <= 4);
    dlg_close(NULL, client, 0);
}

static void users_are_found_where_they_are(void **state)
{
    (void)state;
    dlg_client *client = open_client("hash_memory_kib", "64");
    wait_until_routed(client);
    dlg_user user = DLG_USER_INIT;
    user.first_name = "Rosa";
    user.second_name = "Parks";
    for (int i = 0; i < 10; i++) {
        dlg_error *error = NULL;
        dlg_uuid id;
        char *token = NULL;
        dlg_users *found = NULL;
        assert_ok(dlg_user_create(&id, client, &user, "secret", DLG_NTS, &error), error);
        assert_ok(dlg_auth(&token, client, &id, "secret", DLG_NTS, &error), error);
        assert_ok(dlg_user_search(&found, client, "Ro", "Pa", 100, &error), error);
        assert_int_equal(dlg_users_count(found), i + 1);
        dlg_users_free(found);
        dlg_free(token);
    }
    dlg_close(NULL, client, 0);
}

/* Each from the shard of its user, on the worker that has it. */
static void tokens_are_checked_and_revoked_where_their_users_are(void **state)
{
    enum { TOKENS = 20 };
    (void)state;
    dlg_client *client = open_client("token_check_s", "0");
    wait_until_routed(client);
    dlg_user user = DLG_USER_INIT;
    dlg_error *error = NULL;
    for (int i = 0; i < TOKENS; i++) {
        char *token = NULL, *other = NULL;
        dlg_uuid id;
        assert_ok(dlg_user_create(&id, client, &user, "long enough", DLG_NTS, &error), error);
        assert_ok(dlg_token_issue(&token, client, &id, &error), error);
        assert_ok(dlg_token_issue(&other, client, &id, &error), error);
        uint64_t routed = stats_of(client).routed, fallback = stats_of(client).fallback;
        assert_ok(dlg_token_check(NULL, NULL, client, token, DLG_NTS, &error), error);
        assert_ok(dlg_token_revoke(client, token, DLG_NTS, &error), error);
        assert_int_equal(dlg_token_check(NULL, NULL, client, token, DLG_NTS, NULL), DLG_E_TOKEN);
        assert_ok(dlg_token_check(NULL, NULL, client, other, DLG_NTS, &error), error);
        assert_true(stats_of(client).routed >= routed + 4);
        assert_int_equal(stats_of(client).fallback, fallback);
        assert_ok(dlg_user_set_password(client, &id, "another one", DLG_NTS, &error), error);
        assert_int_equal(dlg_token_check(NULL, NULL, client, other, DLG_NTS, NULL), DLG_E_TOKEN);
        dlg_free(token);
        dlg_free(other);
    }
    dlg_close(NULL, client, 0);
}

/* Sends that wait together share commits, but never across workers: no commit of theirs is a distributed one. */
static void no_commit_is_distributed(void **state)
{
    (void)state;
    dlg_client *client = open_client(NULL, NULL);
    wait_until_routed(client);
    int64_t before = 0, after = 0;
    for (int node = 1; node <= WORKERS; node++)
        before += test_cluster_number(cluster, node, "SELECT count(*) FROM pg_dist_transaction");
    uint64_t batches = stats_of(client).batches;
    for (int i = 0; i < 2000; i++) {
        dlg_uuid author, recipient;
        dlg_uuid_random(&author);
        dlg_uuid_random(&recipient);
        assert_int_equal(dlg_send_async(client, &author, &recipient, "x", 1, NULL, NULL, NULL, NULL), DLG_OK);
    }
    for (int i = 0; i < 2000; i++) {
        dlg_reply *reply = dlg_reply_next(client, 20000000);
        assert_non_null(reply);
        assert_int_equal(dlg_reply_code(reply), DLG_OK);
        dlg_reply_free(reply);
    }
    for (int node = 1; node <= WORKERS; node++)
        after += test_cluster_number(cluster, node, "SELECT count(*) FROM pg_dist_transaction");
    assert_int_equal(after, before);
    assert_true(stats_of(client).batches - batches < 1000);
    dlg_close(NULL, client, 0);
}

/* The sessions of the client end on the workers, under its name. */
static void sessions_are_on_the_workers(void **state)
{
    (void)state;
    dlg_client *client = open_client(NULL, NULL);
    wait_until_routed(client);
    for (int node = 1; node <= WORKERS; node++)
        assert_true(test_cluster_number(cluster, node,
                                        "SELECT count(*) FROM pg_stat_activity "
                                        "WHERE application_name = 'libdialogs'") >= 2);
    dlg_close(NULL, client, 0);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_map_is_the_servers_for_100000_uuids),
        cmocka_unit_test(statements_go_to_the_owner),
        cmocka_unit_test(nothing_is_routed_when_told_so),
        cmocka_unit_test(users_are_found_where_they_are),
        cmocka_unit_test(tokens_are_checked_and_revoked_where_their_users_are),
        cmocka_unit_test(no_commit_is_distributed),
        cmocka_unit_test(sessions_are_on_the_workers),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
