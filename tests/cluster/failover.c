/* A standby of a worker, and one of the coordinator, take over under load. docs/operations.md says what to do. */
#include "base/clock.h"
#include "check.h"
#include "cluster.h"
#include "load.h"
#include "standby.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITERS = 8, READERS = 4, SHARDS = 8, LIMIT_US = 30000000 };

static struct test_cluster *cluster;

static int stop(void **state)
{
    (void)state;
    test_cluster_free(cluster);
    return 0;
}

static dlg_client *open_client(const char *conninfo)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    assert_ok(dlg_open(&client, conninfo, NULL, &error), error);
    return client;
}

static int start(void **state)
{
    (void)state;
    cluster = test_cluster_start(2, NULL);
    if (!cluster)
        return -1;
    dlg_close(NULL, open_client(test_cluster_conninfo(cluster, 0)), 0);
    return test_cluster_distribute(cluster, SHARDS) ? 0 : -1;
}

static struct test_standby *start_standby(int node)
{
    struct test_standby *standby = test_standby_start(test_cluster_server(cluster, node));
    assert_non_null(standby);
    assert_true(test_standby_synchronize(test_cluster_server(cluster, node)));
    return standby;
}

static uint64_t sent_by(struct load *load)
{
    struct load_result result;
    load_look(load, &result);
    return result.sent;
}

static void wait_for_sends(struct load *load, uint64_t more)
{
    uint64_t until = sent_by(load) + more;
    for (int64_t end = clock_monotonic_us() + LIMIT_US; sent_by(load) < until; usleep(1000))
        assert_true(clock_monotonic_us() < end);
}

/* SQL on a server that the cluster of the test does not know. */
static void run_at(const char *conninfo, const char *sql)
{
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
}

/* Writers send to all shards in turn, so the 64th message of each one shows that all shards take messages. */
static void wait_until_all_go_on(struct load *load, int64_t since_us, const char *what)
{
    wait_for_sends(load, (uint64_t)2 * 64 * WRITERS);
    printf("%s: %d messages later all shards take messages, %.2f s after the promotion began\n", what, 2 * 64 * WRITERS,
           (double)(clock_monotonic_us() - since_us) / 1e6);
}

/* The operator tells Citus the new address: clients hear of it from the coordinator. */
static void a_standby_of_a_worker_takes_over(void **state)
{
    (void)state;
    struct test_standby *standby = start_standby(1);
    dlg_client *client = open_client(test_cluster_conninfo(cluster, 0));
    struct load *load = load_start(client, WRITERS, READERS);
    wait_for_sends(load, 500);
    assert_true(test_server_kill(test_cluster_server(cluster, 1)));
    usleep(1000000);
    int64_t since_us = clock_monotonic_us();
    assert_true(test_standby_promote(standby));
    assert_true(test_cluster_execute(
        cluster, 0, "SELECT citus_update_node(nodeid, '127.0.0.1', %d, true) FROM pg_dist_node WHERE groupid = %d",
        test_standby_port(standby), test_cluster_group(cluster, 1)));
    wait_until_all_go_on(load, since_us, "worker");
    load_finish(load, client, "worker");
    test_standby_free(standby);
}

/* Clients have both in their conninfo; the promoted one tells the workers its address. */
static void a_standby_of_the_coordinator_takes_over(void **state)
{
    (void)state;
    char conninfo[256], new_one[128], sql[128];
    struct test_standby *standby = start_standby(0);
    int port = test_standby_port(standby);
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1,127.0.0.1 port=%d,%d user=dialogs dbname=postgres",
             test_server_port(test_cluster_server(cluster, 0)), port);
    snprintf(new_one, sizeof new_one, "host=127.0.0.1 port=%d user=dialogs dbname=postgres", port);
    snprintf(sql, sizeof sql, "SELECT citus_set_coordinator_host('127.0.0.1', %d)", port);
    dlg_client *client = open_client(conninfo);
    struct load *load = load_start(client, WRITERS, READERS);
    wait_for_sends(load, 500);
    assert_true(test_server_kill(test_cluster_server(cluster, 0)));
    wait_for_sends(load, 500); /* to the workers directly */
    int64_t since_us = clock_monotonic_us();
    assert_true(test_standby_promote(standby));
    run_at(new_one, sql);
    while (!dlg_ready(client) && clock_monotonic_us() < since_us + LIMIT_US)
        usleep(1000);
    printf("coordinator: the client is ready %.2f s after the promotion began\n",
           (double)(clock_monotonic_us() - since_us) / 1e6);
    assert_true(dlg_ready(client));
    wait_until_all_go_on(load, since_us, "coordinator");
    load_finish(load, client, "coordinator");
    test_standby_free(standby);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_standby_of_a_worker_takes_over, start, stop),
        cmocka_unit_test_setup_teardown(a_standby_of_the_coordinator_takes_over, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
