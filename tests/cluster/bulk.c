/* Bulk loading, dump and restore on a cluster: through each kind of node, again, and while a worker dies. */
#include "check.h"
#include "cluster.h"
#include "database.h"

#include <dialogs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGES = 40000, USERS = 100 };

static struct test_cluster *cluster;
static struct test_server *plain; /* a server without Citus */

static const char *coordinator(void)
{
    return test_cluster_conninfo(cluster, 0);
}

/* `patience_ms`: how long its loaders wait for a worker. */
static dlg_client *open_patient(const char *conninfo, const char *schema, const char *patience_ms)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    assert_ok(dlg_settings_set(settings, "schema", schema, &error), error);
    assert_ok(dlg_settings_set(settings, "open_timeout_ms", patience_ms, &error), error);
    assert_ok(dlg_open(&client, conninfo, settings, &error), error);
    dlg_settings_free(settings);
    return client;
}

static dlg_client *open_client(const char *conninfo, const char *schema)
{
    return open_patient(conninfo, schema, "60000");
}

static int group_setup(void **state)
{
    (void)state;
    cluster = test_cluster_start(2, NULL);
    plain = test_server_start(NULL);
    if (!cluster || !plain)
        return -1;
    dlg_close(NULL, open_client(coordinator(), "install"), 0);
    return test_cluster_distribute(cluster, 8) ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    test_cluster_free(cluster);
    test_server_free(plain);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return test_cluster_execute(cluster, 0, "TRUNCATE dialogs, users") ? 0 : -1;
}

static dlg_uuid user_id(int number)
{
    return (dlg_uuid){{(uint8_t)(number * 37), (uint8_t)number, 1}};
}

static void load_row(dlg_loader *loader, int number)
{
    char text[64];
    dlg_error *error = NULL;
    snprintf(text, sizeof text, "message %d", number);
    dlg_message_input message = {.version = DLG_MESSAGE_INPUT_VERSION,
                                 .id = (INT64_C(1) << 60) + number,
                                 .author = user_id(number % USERS),
                                 .recipient = user_id(number / 3 % USERS),
                                 .created_us = INT64_C(1700000000000000) + number,
                                 .updated_us = number % 5 ? 0 : INT64_C(1700000001000000),
                                 .text = text,
                                 .length = DLG_NTS};
    assert_ok(dlg_loader_message(loader, &message, &error), error);
}

/* Users and messages; returns how many rows were there already. */
static uint64_t load_all(dlg_client *client, int messages)
{
    dlg_error *error = NULL;
    dlg_loader *loader = NULL;
    dlg_progress done = DLG_PROGRESS_INIT;
    assert_ok(dlg_loader_open(&loader, client, &error), error);
    for (int i = 0; i < USERS; i++) {
        dlg_user user = DLG_USER_INIT;
        user.id = user_id(i);
        user.first_name = "Анна";
        user.birthdate = "1999-12-31";
        assert_ok(dlg_loader_user(loader, &user, NULL, &error), error);
    }
    for (int i = 0; i < messages; i++)
        load_row(loader, i);
    assert_ok(dlg_loader_flush(loader, &error), error);
    dlg_loader_progress(&done, loader);
    dlg_loader_free(loader);
    assert_int_equal(done.users, USERS);
    assert_int_equal(done.messages, messages);
    return done.skipped;
}

static int64_t count(const char *from)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", from);
    return database_number(coordinator(), sql);
}

/* Shards compare their own rows. */
static void conflicts_are_told(dlg_client *client)
{
    enum { ROWS = 9000, OTHERS = ROWS / 90 };
    dlg_error *error = NULL;
    dlg_loader *loader = NULL;
    dlg_progress done = DLG_PROGRESS_INIT;
    database_execute(coordinator(), "UPDATE dialogs SET text = 'other', update_date = NULL "
                                    "WHERE (id - (1::bigint << 60)) % 90 = 0");
    assert_ok(dlg_loader_open(&loader, client, &error), error);
    for (int i = 0; i < ROWS; i++)
        load_row(loader, i);
    assert_int_equal(dlg_loader_flush(loader, &error), DLG_E_EXISTS);
    dlg_error_free(error);
    dlg_loader_progress(&done, loader);
    dlg_loader_free(loader);
    assert_int_equal(done.conflicts, OTHERS);
    assert_int_equal(done.skipped, ROWS - OTHERS);
}

static void loads_through(dlg_client *client)
{
    assert_int_equal(load_all(client, MESSAGES), 0);
    assert_int_equal(count("dialogs"), MESSAGES);
    assert_int_equal(count("users"), USERS);
    assert_int_equal(load_all(client, MESSAGES), MESSAGES + USERS);
    int64_t half = count("dialogs WHERE id % 2 = 0");
    database_execute(coordinator(), "DELETE FROM dialogs WHERE id % 2 = 0");
    assert_int_equal(load_all(client, MESSAGES), MESSAGES - half + USERS);
    assert_int_equal(count("dialogs"), MESSAGES);
    assert_int_equal(count("(SELECT DISTINCT id, text FROM dialogs) AS rows"), MESSAGES);
    conflicts_are_told(client);
    dlg_close(NULL, client, 0);
}

static void loads_through_the_coordinator(void **state)
{
    (void)state;
    loads_through(open_client(coordinator(), "install"));
}

static void loads_through_a_worker(void **state)
{
    (void)state;
    loads_through(open_client(test_cluster_conninfo(cluster, 1), "none"));
}

static atomic_bool killing;
static atomic_int kills;
static pthread_t killer;

static void *kill_worker(void *payload)
{
    struct test_server *worker = payload;
    /* Further and further apart, so that a slow machine gets a chunk through between two. */
    while (atomic_load(&killing) && test_server_kill(worker) && test_server_restart(worker)) {
        int pauses = 10 * (1 + atomic_fetch_add(&kills, 1));
        for (const struct timespec pause = {.tv_nsec = 100000000}; pauses > 0 && atomic_load(&killing); pauses--)
            nanosleep(&pause, NULL);
    }
    return NULL;
}

static int start_killing(void **state)
{
    atomic_store(&killing, true);
    return setup(state) == 0 ? pthread_create(&killer, NULL, kill_worker, test_cluster_server(cluster, 2)) : -1;
}

static int stop_killing(void **state)
{
    (void)state;
    return atomic_exchange(&killing, false) ? pthread_join(killer, NULL) : 0;
}

/*
 * A worker that died between Citus's two phases of a commit shows its part once Citus has finished the second, which
 * it does every citus.recover_2pc_interval, a minute, and when it is told to.
 */
static void finish_commits(void)
{
    int64_t finished = test_cluster_number(cluster, 0, "SELECT recover_prepared_transactions()");
    print_message("%lld commits finished after a kill\n", (long long)finished);
}

static void a_worker_that_dies_loses_and_doubles_nothing(void **state)
{
    (void)state;
    dlg_client *client = open_client(coordinator(), "install");
    int messages = 5 * MESSAGES;
    load_all(client, messages);
    stop_killing(NULL);
    print_message("%d kills\n", atomic_load(&kills));
    finish_commits();
    assert_true(atomic_load(&kills) > 1);
    assert_int_equal(count("dialogs"), messages);
    assert_int_equal(count("(SELECT DISTINCT id FROM dialogs) AS ids"), messages);
    dlg_close(NULL, client, 0);
}

static void load_without_patience(void)
{
    dlg_error *error = NULL;
    dlg_loader *loader = NULL;
    dlg_client *client = open_patient(coordinator(), "install", "5000");
    assert_ok(dlg_loader_open(&loader, client, &error), error);
    for (int i = 0; i < USERS; i++)
        load_row(loader, i);
    assert_true(test_server_kill(test_cluster_server(cluster, 2)));
    assert_int_equal(dlg_loader_flush(loader, &error), DLG_E_UNAVAILABLE);
    assert_int_equal(dlg_error_retriable(error), 1);
    dlg_error_free(error);
    dlg_loader_free(loader);
    dlg_close(NULL, client, 0);
}

static void *restart_late(void *worker)
{
    const struct timespec pause = {.tv_sec = 8}; /* many attempts, each of which is refused at once */
    nanosleep(&pause, NULL);
    return test_server_restart(worker) ? worker : NULL;
}

static void a_worker_that_is_away_is_waited_for(void **state)
{
    (void)state;
    pthread_t restarter;
    void *restarted = NULL;
    dlg_client *client = open_client(coordinator(), "install");
    load_without_patience();
    assert_int_equal(pthread_create(&restarter, NULL, restart_late, test_cluster_server(cluster, 2)), 0);
    load_all(client, MESSAGES);
    assert_int_equal(pthread_join(restarter, &restarted), 0);
    assert_non_null(restarted);
    finish_commits();
    assert_int_equal(count("dialogs"), MESSAGES);
    dlg_close(NULL, client, 0);
}

static void check_same(void)
{
    char *here = database_content(coordinator());
    char *there = database_content(test_server_conninfo(plain));
    assert_string_equal(here, there);
    free(here);
    free(there);
}

static void dump_and_restore(dlg_client *from, dlg_client *to)
{
    dlg_error *error = NULL;
    int fd = memfd_create("archive", 0);
    assert_true(fd >= 0);
    assert_ok(dlg_dump(from, fd, NULL, NULL, &error), error);
    lseek(fd, 0, SEEK_SET);
    assert_ok(dlg_restore(to, fd, NULL, NULL, &error), error);
    close(fd);
    check_same();
}

/* Out of a cluster, into a server without Citus, and back. */
static void archives_go_between_clusters_and_servers(void **state)
{
    (void)state;
    dlg_client *many = open_client(coordinator(), "install");
    dlg_client *one = open_client(test_server_conninfo(plain), "install");
    load_all(many, MESSAGES);
    dump_and_restore(many, one);
    assert_true(test_cluster_execute(cluster, 0, "TRUNCATE dialogs, users"));
    dump_and_restore(one, many);
    dlg_close(NULL, many, 0);
    dlg_close(NULL, one, 0);
}

int main(void)
{
    if (!test_cluster_available())
        return test_cluster_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(loads_through_the_coordinator, setup),
        cmocka_unit_test_setup(loads_through_a_worker, setup),
        cmocka_unit_test_setup_teardown(a_worker_that_dies_loses_and_doubles_nothing, start_killing, stop_killing),
        cmocka_unit_test_setup(a_worker_that_is_away_is_waited_for, setup),
        cmocka_unit_test_setup(archives_go_between_clusters_and_servers, setup),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
