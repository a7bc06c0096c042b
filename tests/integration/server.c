/* The fixture itself: a test server does what server.h says. */
#include "server.h"

#include "check.h"
#include "processes.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first value of a query as text, or why there is none. */
static const char *ask(const char *conninfo, const char *sql)
{
    static char answer[256];
    PGconn *connection = PQconnectdb(conninfo);
    PGresult *result = PQstatus(connection) == CONNECTION_OK ? PQexec(connection, sql) : NULL;
    snprintf(answer, sizeof answer, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    return answer;
}

static void assert_says(const char *answer, const char *part)
{
    if (!strstr(answer, part))
        fail_msg("\"%s\" does not say \"%s\"", answer, part);
}

static void answers_on_socket_and_port(void **state)
{
    (void)state;
    struct test_server *server = test_server_start(NULL);
    assert_non_null(server);
    assert_string_equal(ask(test_server_conninfo(server), "SELECT inet_server_addr() IS NULL"), "t");
    assert_string_equal(ask(test_server_conninfo_tcp(server), "SELECT host(inet_server_addr())"), "127.0.0.1");
    assert_string_equal(ask(test_server_conninfo(server), "SHOW server_encoding"), "UTF8");
    assert_string_equal(ask(test_server_conninfo(server), "SHOW fsync"), "off");
    assert_string_equal(ask(test_server_conninfo(server), "SHOW synchronous_commit"), "on");
    test_server_free(server);
}

static void takes_options(void **state)
{
    (void)state;
    struct test_server *server = test_server_start(&(struct test_server_options){
        .fsync = true, .tls = true, .role = "alice", .password = "wonder land", .configuration = "work_mem = '5MB'\n"});
    assert_non_null(server);
    assert_string_equal(ask(test_server_conninfo(server), "SELECT current_user"), "alice");
    assert_string_equal(ask(test_server_conninfo_tcp(server), "SELECT ssl FROM pg_stat_ssl WHERE pid=pg_backend_pid()"),
                        "t");
    assert_string_equal(ask(test_server_conninfo(server), "SHOW work_mem"), "5MB");
    assert_string_equal(ask(test_server_conninfo(server), "SHOW fsync"), "on");
    char conninfo[512];
    snprintf(conninfo, sizeof conninfo, "%s password=wrong", test_server_conninfo(server));
    assert_says(ask(conninfo, "SELECT 1"), "password authentication failed");
    snprintf(conninfo, sizeof conninfo, "%s sslmode=disable", test_server_conninfo_tcp(server));
    assert_says(ask(conninfo, "SELECT 1"), "no pg_hba.conf entry");
    assert_string_equal(ask(test_server_conninfo_admin(server), "SELECT rolsuper FROM pg_roles "
                                                                "WHERE rolname=current_user"),
                        "t");
    assert_true(test_server_execute(server, "SET ROLE alice; CREATE TABLE t(i int)"));
    test_server_free(server);
}

static void keeps_data_and_port_through_stop_and_kill(void **state)
{
    (void)state;
    struct test_server *server = test_server_start(NULL);
    assert_non_null(server);
    int port = test_server_port(server);
    assert_true(test_server_execute(server, "CREATE TABLE t(i int); INSERT INTO t VALUES (7)"));
    assert_true(test_server_stop(server));
    assert_says(ask(test_server_conninfo(server), "SELECT 1"), "No such file");
    assert_true(test_server_restart(server));
    assert_string_equal(ask(test_server_conninfo_tcp(server), "SELECT i FROM t"), "7");
    PGconn *busy = PQconnectdb(test_server_conninfo(server));
    assert_int_equal(PQstatus(busy), CONNECTION_OK);
    pid_t backend = PQbackendPID(busy);
    assert_true(test_server_kill(server));
    assert_int_equal(process_state(backend), 0);
    assert_says(ask(test_server_conninfo(server), "SELECT 1"), "Connection refused");
    PQfinish(busy);
    assert_true(test_server_restart(server));
    assert_string_equal(ask(test_server_conninfo_tcp(server), "SELECT i FROM t"), "7");
    assert_true(test_server_restart(server));
    assert_int_equal(test_server_port(server), port);
    assert_string_equal(ask(test_server_conninfo_tcp(server), "SELECT i FROM t"), "7");
    test_server_free(server);
}

static void is_silent_while_frozen(void **state)
{
    (void)state;
    struct test_server *server = test_server_start(NULL);
    assert_non_null(server);
    PGconn *connection = PQconnectdb(test_server_conninfo(server));
    assert_int_equal(PQstatus(connection), CONNECTION_OK);
    assert_true(test_server_freeze(server));
    assert_int_equal(process_state(PQbackendPID(connection)), 'T');
    assert_int_equal(PQsendQuery(connection, "SELECT 5"), 1);
    usleep(100000);
    assert_int_equal(PQconsumeInput(connection), 1);
    assert_int_equal(PQisBusy(connection), 1);
    assert_true(test_server_thaw(server));
    PGresult *result = PQgetResult(connection);
    assert_string_equal(PQgetvalue(result, 0, 0), "5");
    PQclear(result);
    PQfinish(connection);
    assert_true(test_server_freeze(server));
    test_server_free(server); /* also a frozen one */
}

static void several_run_side_by_side(void **state)
{
    (void)state;
    struct test_server *a = test_server_start(NULL);
    struct test_server *b = test_server_start(NULL);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_not_equal(test_server_port(a), test_server_port(b));
    assert_true(test_server_kill(a));
    assert_string_equal(ask(test_server_conninfo_tcp(b), "SELECT 1"), "1");
    test_server_free(a);
    test_server_free(b);
}

/* In a program that is killed: what it started must not outlive it. */
static _Noreturn void start_and_tell(int pipe)
{
    struct test_server *server = test_server_start(NULL);
    char text[64] = "";
    if (server && test_server_freeze(server))
        snprintf(text, sizeof text, "%s", test_server_directory(server));
    _exit(write(pipe, text, sizeof text) == (ssize_t)sizeof text && pause() ? 0 : 1);
}

static void dies_with_its_program(void **state)
{
    (void)state;
    int pipes[2];
    char directory[64];
    assert_int_equal(pipe(pipes), 0);
    pid_t program = fork();
    if (program == 0)
        start_and_tell(pipes[1]);
    assert_int_equal(read(pipes[0], directory, sizeof directory), sizeof directory);
    assert_int_equal(access(directory, F_OK), 0);
    kill(program, SIGKILL);
    assert_int_equal(waitpid(program, NULL, 0), program);
    for (int tries = 0; access(directory, F_OK) == 0; tries++) {
        assert_true(tries < 2000);
        usleep(10000);
    }
    close(pipes[0]);
    close(pipes[1]);
}

static void says_why_it_does_not_start(void **state)
{
    (void)state;
    assert_null(test_server_start(&(struct test_server_options){.configuration = "no_such_setting = 1\n"}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_on_socket_and_port),
        cmocka_unit_test(takes_options),
        cmocka_unit_test(keeps_data_and_port_through_stop_and_kill),
        cmocka_unit_test(is_silent_while_frozen),
        cmocka_unit_test(several_run_side_by_side),
        cmocka_unit_test(dies_with_its_program),
        cmocka_unit_test(says_why_it_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
