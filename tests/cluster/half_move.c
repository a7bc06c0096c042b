/*
 * half_move.c - a move of a shard whose second phase of the commit has not reached the node that the shard leaves. Its
 * table there is whole up to the move, and its metadata has the shard still: what was acknowledged since is elsewhere.
 */
#include "check.h"

#include "cluster.h"
#include "operator.h"

#include <dialogs.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHARDS = 8, MESSAGES = 20, LISTS = 50, SOURCE = 1, TARGET = 2 };

/* Nothing but the test mends the move; only its session waits for a standby; the old table stays. */
static const char configuration[] =
    "synchronous_commit = local\ncitus.recover_2pc_interval = -1\nmax_prepared_transactions = 50\n"
    "citus.defer_shard_delete_interval = -1\n";

struct setting {
    struct test_cluster *cluster;
    long long shard;
    dlg_uuid author, recipient; /* the recipient's messages lie in the shard */
    dlg_client *reader;         /* opened before the move was committed: its map is old */
};

static int stop(void **state)
{
    struct setting *setting = *state;
    test_cluster_free(setting->cluster);
    free(setting);
    return 0;
}

static int start(void **state)
{
    static const struct test_cluster_options options = {.configuration = configuration};
    struct setting *setting = calloc(1, sizeof *setting);
    if (!setting)
        return -1;
    *state = setting;
    setting->cluster = test_cluster_start(2, &options);
    if (!setting->cluster)
        return -1;
    dlg_close(NULL, operator_open(setting->cluster, 0, NULL, NULL), 0); /* makes the tables */
    return test_cluster_distribute(setting->cluster, SHARDS) ? 0 : -1;
}

static int close_reader(void **state)
{
    struct setting *setting = *state;
    dlg_close(NULL, setting->reader, 0);
    setting->reader = NULL;
    return 0;
}

/* ---- Half a move ---- */

static long long shard_of(const struct setting *setting, const dlg_uuid *user)
{
    char text[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(text, user);
    return test_cluster_number(setting->cluster, 0,
                               "SELECT get_shard_id_for_distribution_column('dialogs', '%s'::uuid)", text);
}

/* A recipient whose shard is on the node that it will leave, and an author whose shard is not. */
static void draw_users(struct setting *setting)
{
    setting->shard = test_cluster_number(setting->cluster, 0,
                                         "SELECT min(shardid) FROM citus_shards WHERE table_name = "
                                         "'dialogs'::regclass AND nodeport = %d",
                                         test_server_port(test_cluster_server(setting->cluster, SOURCE)));
    do
        dlg_uuid_random(&setting->recipient);
    while (shard_of(setting, &setting->recipient) != setting->shard);
    do
        dlg_uuid_random(&setting->author);
    while (shard_of(setting, &setting->author) == setting->shard);
}

static void coordinator_waits_for(const struct setting *setting, const char *standby)
{
    assert_true(
        test_cluster_execute(setting->cluster, 0, "ALTER SYSTEM SET synchronous_standby_names = '%s'", standby));
    assert_true(test_cluster_execute(setting->cluster, 0, "SELECT pg_reload_conf()"));
}

static PGconn *move_begin(const struct setting *setting)
{
    char sql[256];
    PGconn *conn = PQconnectdb(test_server_conninfo_admin(test_cluster_server(setting->cluster, 0)));
    snprintf(sql, sizeof sql,
             "SELECT citus_move_shard_placement(%lld, '127.0.0.1', %d, '127.0.0.1', %d, 'block_writes')",
             setting->shard, test_server_port(test_cluster_server(setting->cluster, SOURCE)),
             test_server_port(test_cluster_server(setting->cluster, TARGET)));
    PQclear(PQexec(conn, "SET synchronous_commit = on"));
    assert_int_equal(PQsendQuery(conn, sql), 1);
    return conn;
}

static void await(const struct setting *setting, int node, const char *sql)
{
    for (int i = 0; i < 200; i++) {
        if (test_cluster_number(setting->cluster, node, sql) > 0)
            return;
        usleep(50000);
    }
    fail_msg("the move does not come to its commit: %s", sql);
}

static const char prepared[] = "SELECT count(*) FROM pg_prepared_xacts";

/*
 * The coordinator's own commit waits for a standby that is not there, after all nodes have prepared theirs. Meanwhile
 * Citus's sessions on the source are ended.
 */
static PGconn *move_prepare(const struct setting *setting)
{
    coordinator_waits_for(setting, "away");
    PGconn *conn = move_begin(setting);
    await(setting, 0, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    await(setting, SOURCE, prepared);
    await(setting, TARGET, prepared);
    assert_true(test_cluster_execute(setting->cluster, SOURCE,
                                     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                     "application_name LIKE 'citus_internal%%' AND pid <> pg_backend_pid()"));
    return conn;
}

/* The commit goes on, and cannot tell the source. */
static void move_commit(const struct setting *setting, PGconn *conn)
{
    coordinator_waits_for(setting, "");
    PGresult *result = PQgetResult(conn);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("the move failed: %s", PQresultErrorMessage(result));
    PQclear(result);
    PQfinish(conn);
    assert_int_equal(test_cluster_number(setting->cluster, SOURCE, prepared), 1);
}

static void move_mend(const struct setting *setting)
{
    assert_true(test_cluster_number(setting->cluster, 0, "SELECT recover_prepared_transactions()") >= 1);
    assert_int_equal(test_cluster_number(setting->cluster, SOURCE, "SELECT count(*) FROM pg_prepared_xacts"), 0);
}

/* ---- What a reader gets ---- */

static void send_messages(const struct setting *setting, int count)
{
    dlg_error *error = NULL;
    dlg_client *writer = operator_open(setting->cluster, 0, NULL, NULL);
    for (int i = 0; i < count; i++)
        assert_ok(dlg_send(NULL, writer, &setting->author, &setting->recipient, "text", DLG_NTS, NULL, &error), error);
    dlg_close(NULL, writer, 0);
}

/* The most messages that any of some lists in a row lacks; the first lists know the old map only. */
static int missing_in_dialog(const struct setting *setting, int sent)
{
    int worst = 0;
    for (int i = 0; i < LISTS; i++) {
        dlg_error *error = NULL;
        dlg_page *page = NULL;
        assert_ok(dlg_list(&page, setting->reader, &setting->author, &setting->recipient, NULL, &error), error);
        int missing = sent - (int)dlg_page_count(page);
        worst = missing > worst ? missing : worst;
        dlg_page_free(page);
    }
    return worst;
}

static void user_add(const struct setting *setting, const dlg_uuid *user)
{
    char text[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(text, user);
    assert_true(
        test_cluster_execute(setting->cluster, 0, "INSERT INTO users (id, password_hash) VALUES ('%s', 'x')", text));
}

static bool user_is_found(const struct setting *setting, const dlg_uuid *id)
{
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    int code = dlg_user_get(&users, setting->reader, id, &error);
    if (code != DLG_OK && code != DLG_E_NOT_FOUND)
        fail_msg("the user is not to be had: %s", dlg_error_message(error));
    dlg_error_free(error);
    dlg_users_free(users);
    return code == DLG_OK;
}

static uint64_t routed(dlg_client *client)
{
    dlg_stats stats = DLG_STATS_INIT;
    dlg_stats_get(&stats, client);
    return stats.routed;
}

/* Until both halves come from workers. */
static void await_routed(const struct setting *setting)
{
    for (int i = 0; i < 100; i++) {
        uint64_t before = routed(setting->reader);
        dlg_page *page = NULL;
        assert_int_equal(dlg_list(&page, setting->reader, &setting->author, &setting->recipient, NULL, NULL), DLG_OK);
        dlg_page_free(page);
        if (routed(setting->reader) >= before + 2)
            return;
        usleep(50000);
    }
    fail_msg("no page was routed");
}

static void a_half_moved_shard_gives_whole_lists(void **state)
{
    struct setting *setting = *state;
    draw_users(setting);
    send_messages(setting, MESSAGES);
    PGconn *move = move_prepare(setting);
    setting->reader = operator_open(setting->cluster, 0, NULL, NULL);
    await_routed(setting);
    assert_int_equal(missing_in_dialog(setting, MESSAGES), 0);
    move_commit(setting, move);
    send_messages(setting, MESSAGES);
    assert_int_equal(missing_in_dialog(setting, 2 * MESSAGES), 0);
    move_mend(setting);
    assert_int_equal(missing_in_dialog(setting, 2 * MESSAGES), 0);
}

/* What Citus reads on a worker, not the library from the shard's own table. */
static void a_half_moved_user_is_found(void **state)
{
    struct setting *setting = *state;
    draw_users(setting);
    PGconn *move = move_prepare(setting);
    setting->reader = operator_open(setting->cluster, 0, NULL, NULL);
    await_routed(setting);
    move_commit(setting, move);
    user_add(setting, &setting->recipient);
    for (int i = 0; i < LISTS; i++)
        assert_true(user_is_found(setting, &setting->recipient));
    move_mend(setting);
    assert_true(user_is_found(setting, &setting->recipient));
}

/* ---- What it costs others ---- */

static uint64_t retries_of_lists(const struct setting *setting)
{
    dlg_stats before = DLG_STATS_INIT, after = DLG_STATS_INIT;
    dlg_stats_get(&before, setting->reader);
    assert_int_equal(missing_in_dialog(setting, 0), 0);
    dlg_stats_get(&after, setting->reader);
    return after.retries - before.retries;
}

static void run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(result));
    PQclear(result);
}

/* While a transaction changes the placement, the coordinator is asked; once it is rolled back, the worker is again. */
static void a_change_that_is_rolled_back_costs_no_more(void **state)
{
    struct setting *setting = *state;
    draw_users(setting);
    setting->reader = operator_open(setting->cluster, 0, NULL, NULL);
    await_routed(setting);
    assert_int_equal(retries_of_lists(setting), 0);
    PGconn *conn = PQconnectdb(test_server_conninfo_admin(test_cluster_server(setting->cluster, SOURCE)));
    run(conn, "BEGIN");
    run(conn, "UPDATE pg_dist_placement SET shardlength = shardlength");
    uint64_t retries = retries_of_lists(setting); /* the author's shard may be on that worker too */
    assert_true(retries == LISTS || retries == 2 * LISTS);
    run(conn, "ROLLBACK");
    assert_int_equal(retries_of_lists(setting), 0);
    PQfinish(conn);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_half_moved_shard_gives_whole_lists, close_reader),
        cmocka_unit_test_teardown(a_half_moved_user_is_found, close_reader),
        cmocka_unit_test_teardown(a_change_that_is_rolled_back_costs_no_more, close_reader),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
