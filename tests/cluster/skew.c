/* Three loads, and where their rows and their work land: all write to all, one writes to all, all write to one. */
#include "check.h"

#include "operator.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 2, SHARDS = 32, USERS = 500, MESSAGES = 6000 };

static struct test_cluster *cluster;
static dlg_client *client;
static dlg_error *error;
static dlg_uuid users[USERS];

static int start(void **state)
{
    (void)state;
    cluster = test_cluster_start(WORKERS, NULL);
    if (!cluster)
        return -1;
    client = operator_open(cluster, 0, NULL, NULL);
    operator_distribute(client, SHARDS);
    for (int i = 0; i < USERS; i++)
        dlg_uuid_random(&users[i]);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dlg_close(NULL, client, 0);
    test_cluster_free(cluster);
    return 0;
}

struct outcome {
    atomic_int done, failed;
};

static void note(dlg_reply *reply, void *payload)
{
    struct outcome *outcome = payload;
    if (dlg_reply_code(reply) != DLG_OK)
        outcome->failed++;
    outcome->done++;
    dlg_reply_free(reply);
}

static void send_all(dlg_client *writer, bool one_author, bool one_recipient)
{
    struct outcome outcome = {0};
    for (int i = 0; i < MESSAGES; i++) {
        const dlg_uuid *author = &users[one_author ? 0 : i % USERS];
        const dlg_uuid *recipient = &users[one_recipient ? 0 : (i * 7 + i / USERS + 1) % USERS];
        assert_ok(dlg_send_async(writer, author, recipient, "hello", DLG_NTS, NULL, note, &outcome, &error), error);
    }
    while (outcome.done < MESSAGES)
        usleep(1000);
    assert_int_equal(outcome.failed, 0);
}

/* Rows written on a worker so far, by its own count, which a session adds to when it ends. */
static int64_t work(int node)
{
    return test_cluster_number(cluster, node,
                               "SELECT tup_inserted FROM pg_stat_database WHERE datname = "
                               "current_database()");
}

/* How large the busiest worker's part is: of the rows that are there, and of the work that it took. */
struct parts {
    double rows, work;
};

static struct parts run(const char *name, bool one_author, bool one_recipient)
{
    int64_t before[WORKERS + 1], most_work = 0, all_work = 0;
    uint64_t most_rows = 0;
    assert_true(test_cluster_execute(cluster, 0, "TRUNCATE dialogs"));
    for (int node = 1; node <= WORKERS; node++)
        before[node] = work(node);
    dlg_client *writer = operator_open(cluster, 0, NULL, NULL);
    send_all(writer, one_author, one_recipient);
    dlg_close(NULL, writer, 0);
    assert_true(test_cluster_execute(cluster, 0, "ANALYZE dialogs"));
    usleep(200000);
    dlg_cluster *status = operator_status(client);
    assert_int_equal(dlg_cluster_describe(status)->rows, MESSAGES);
    for (int node = 1; node <= WORKERS; node++) {
        uint64_t rows = operator_node(status, cluster, node)->rows;
        int64_t worked = work(node) - before[node];
        printf("%s: worker %d has %llu rows, and wrote %lld\n", name, node, (unsigned long long)rows,
               (long long)worked);
        most_rows = rows > most_rows ? rows : most_rows;
        most_work = worked > most_work ? worked : most_work;
        all_work += worked;
    }
    dlg_cluster_free(status);
    return (struct parts){(double)most_rows / MESSAGES, (double)most_work / (double)all_work};
}

static void all_to_all_is_even(void **state)
{
    (void)state;
    struct parts parts = run("all to all", false, false);
    assert_true(parts.rows < 0.6 && parts.work < 0.6);
}

/* Rows live with who gets them. */
static void one_author_does_no_harm(void **state)
{
    (void)state;
    struct parts parts = run("one to all", true, false);
    assert_true(parts.rows < 0.6 && parts.work < 0.6);
}

static void one_recipient_is_one_node_and_named(void **state)
{
    (void)state;
    struct parts parts = run("all to one", false, true);
    assert_true(parts.rows > 0.99 && parts.work > 0.9);
    dlg_cluster *status = operator_status(client);
    const dlg_hot_recipient *hot = dlg_cluster_hot_at(status, 0);
    assert_non_null(hot);
    assert_int_equal(dlg_uuid_compare(&hot->recipient, &users[0]), 0);
    assert_int_equal(hot->rows, MESSAGES);
    assert_int_equal(hot->isolated, 0);
    assert_true(dlg_cluster_describe(status)->skew_rows > 1.9);
    dlg_cluster_free(status);
}

static void the_hot_recipient_gets_a_shard(void **state)
{
    (void)state;
    int64_t shard = 0;
    operator_admit_splits(cluster);
    assert_ok(dlg_cluster_isolate(&shard, client, &users[0], NULL, NULL, NULL, &error), error);
    assert_true(test_cluster_execute(cluster, 0, "ANALYZE dialogs"));
    dlg_cluster *status = operator_status(client);
    const dlg_hot_recipient *hot = dlg_cluster_hot_at(status, 0);
    assert_non_null(hot);
    assert_int_equal(hot->isolated, 1);
    assert_int_equal(hot->shard, shard);
    dlg_cluster_free(status);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_to_all_is_even),
        cmocka_unit_test(one_author_does_no_harm),
        cmocka_unit_test(one_recipient_is_one_node_and_named),
        cmocka_unit_test(the_hot_recipient_gets_a_shard),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
