/* What a server still works at when nobody waits for it any more: it ends, and others do not wait behind it. */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Without the library's doing, what waits for a lock here ends after half of this. */
#define PATIENT "timeout_ms=600000 "

enum { GENEROUS_US = 120 * 1000000 };

static void lock_out_readers(struct fixture *fixture)
{
    sql_run(fixture->sql, "BEGIN; LOCK TABLE dialogs IN ACCESS EXCLUSIVE MODE");
}

static void wait_until_nobody_waits(struct fixture *fixture)
{
    int64_t until_us = now_us() + GENEROUS_US;
    while (sql_number(fixture->sql, "SELECT count(*) FROM pg_locks WHERE NOT granted")) {
        assert_true(now_us() < until_us);
        pause_ms(20);
    }
}

static void assert_list_times_out(dlg_client *client)
{
    struct pair pair = pair_new();
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.timeout_us = 200000;
    assert_fails(dlg_list(&page, client, &pair.ann, &pair.ben, &options, &error), DLG_E_TIMEOUT, error);
}

static void the_server_stops_a_read_that_was_given_up(void **state)
{
    struct fixture *fixture = *state;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    lock_out_readers(fixture);
    assert_list_times_out(client);
    wait_until_nobody_waits(fixture);
    unlock_table(fixture);
    dlg_connection_state connection_state = DLG_CONNECTION_STATE_CLOSED;
    assert_int_equal(dlg_connection_state_get(&connection_state, NULL, client), DLG_OK);
    assert_int_equal(connection_state, DLG_CONNECTION_STATE_READY);
    client_close(client);
}

static void others_do_not_wait_behind_it(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_users *users = NULL;
    dlg_error *error = NULL;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT "read_connections=1");
    lock_out_readers(fixture);
    assert_list_times_out(client);
    int64_t begin_us = now_us();
    assert_fails(dlg_user_get(&users, client, &pair.ann, &error), DLG_E_NOT_FOUND, error);
    assert_true(now_us() - begin_us < GENEROUS_US);
    unlock_table(fixture);
    client_close(client);
}

/* A process of its own, which is killed while it sends. */
static int send_for_ever(char **arguments)
{
    struct pair pair = pair_new();
    dlg_client *client = client_open(arguments[0], PATIENT);
    dlg_send(NULL, client, &pair.ann, &pair.ben, arguments[1], DLG_NTS, NULL, NULL);
    return 1;
}

static void a_killed_program_leaves_nothing_that_waits(void **state)
{
    struct fixture *fixture = *state;
    const char *arguments[] = {test_server_conninfo(fixture->server), "of a killed program", NULL};
    int output;
    lock_table(fixture);
    pid_t pid = self_start(arguments, &output);
    wait_for_lock(fixture);
    kill(pid, SIGKILL);
    assert_int_equal(self_wait(pid), -1);
    close(output);
    wait_until_nobody_waits(fixture);
    unlock_table(fixture);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE text = '%s'", arguments[1]), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return send_for_ever(argv + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_stops_a_read_that_was_given_up),
        cmocka_unit_test(others_do_not_wait_behind_it),
        cmocka_unit_test(a_killed_program_leaves_nothing_that_waits),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
