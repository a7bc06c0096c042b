/* 200,000 messages among 2,000 users, loaded by dlgctl, list correctly. */
#include "check.h"
#include "database.h"
#include "server.h"
#include "tool.h"

#include <dialogs.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { USERS = 2000, MESSAGES = 200000 };

static struct test_server *server;
static dlg_client *client;

static int group_setup(void **state)
{
    (void)state;
    dlg_error *error = NULL;
    server = test_server_start(NULL);
    if (!server)
        return -1;
    assert_ok(dlg_open(&client, test_server_conninfo(server), NULL, &error), error);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    dlg_close(NULL, client, 0);
    test_server_free(server);
    return 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static dlg_uuid uuid_at(const PGresult *result, int row, int column)
{
    dlg_uuid uuid;
    assert_int_equal(dlg_uuid_parse(&uuid, PQgetvalue(result, row, column), DLG_NTS), DLG_OK);
    return uuid;
}

/* The rows from `first` on are one dialog, in order; returns where the next begins. */
static int check_dialog(const PGresult *result, int first)
{
    dlg_error *error = NULL;
    dlg_iterator *iterator = NULL;
    dlg_uuid a = uuid_at(result, first, 0), b = uuid_at(result, first, 1);
    assert_ok(dlg_iterate(&iterator, client, &b, &a, NULL, &error), error);
    const dlg_message *message = NULL;
    int row = first;
    for (;; row++) {
        assert_ok(dlg_iterator_next(&message, iterator, &error), error);
        if (!message)
            break;
        dlg_uuid author = uuid_at(result, row, 2);
        assert_memory_equal(&message->author, &author, sizeof author);
        assert_int_equal(message->id, strtoll(PQgetvalue(result, row, 3), NULL, 10));
        assert_string_equal(message->text, PQgetvalue(result, row, 4));
    }
    dlg_iterator_free(iterator);
    assert_true(row > first);
    if (row < PQntuples(result))
        assert_true(strcmp(PQgetvalue(result, row, 5), PQgetvalue(result, row - 1, 5)) != 0);
    return row;
}

/* All dialogs whose number in a fixed order is divisible by `step`, each against plain SQL. */
static int check_dialogs(int step, int *messages)
{
    char sql[1024];
    snprintf(
        sql, sizeof sql,
        "SELECT a, b, user_id, id, text, pair FROM (SELECT least(user_id, to_user_id) AS a, "
        "greatest(user_id, to_user_id) AS b, user_id, id, text, create_date, "
        "dense_rank() OVER (ORDER BY least(user_id, to_user_id), greatest(user_id, to_user_id)) AS pair FROM dialogs) "
        "AS d WHERE pair %% %d = 0 ORDER BY pair, create_date, id",
        step);
    PGconn *connection = PQconnectdb(test_server_conninfo(server));
    PGresult *result = PQexec(connection, sql);
    int dialogs = 0;
    *messages = PQntuples(result);
    assert_true(*messages > 0);
    for (int row = 0; row < *messages; dialogs++)
        row = check_dialog(result, row);
    PQclear(result);
    PQfinish(connection);
    return dialogs;
}

static void load(const char *skew, const char *expected)
{
    struct child child;
    double begun = now();
    tool_expect(&child, 0, test_server_conninfo(server),
                TOOL("load", "--generate", "200000", "--users", "2000", "--seed", "42", "--skew", skew));
    tool_wrote(&child, expected);
    print_message("%s, %.1f s for the process: %s", skew, now() - begun, child.out);
    child_free(&child);
}

static void two_hundred_thousand_list_correctly(void **state)
{
    (void)state;
    load("uniform", "Loaded: 2,000 users, 200,000 messages");
    assert_int_equal(database_number(test_server_conninfo(server), "SELECT count(*) FROM dialogs"), MESSAGES);
    assert_int_equal(database_number(test_server_conninfo(server), "SELECT count(*) FROM users"), USERS);
    int messages;
    double begun = now();
    int dialogs = check_dialogs(40, &messages);
    print_message("%d dialogs of %d messages listed in %.1f s\n", dialogs, messages, now() - begun);
    assert_true(dialogs > 4000);
    load("uniform", "202,000 were there already");
    assert_int_equal(database_number(test_server_conninfo(server), "SELECT count(*) FROM dialogs"), MESSAGES);
}

/* With few who write to few there are dialogs of thousands of messages. */
static void so_do_long_dialogs(void **state)
{
    (void)state;
    database_execute(test_server_conninfo(server), "TRUNCATE dialogs, users");
    load("zipf", "Loaded: 2,000 users, 200,000 messages");
    assert_true(
        database_number(test_server_conninfo(server),
                        "SELECT max(n) FROM (SELECT count(*) AS n FROM dialogs GROUP BY least(user_id, to_user_id), "
                        "greatest(user_id, to_user_id)) AS counts") > 3000);
    int messages;
    double begun = now();
    int dialogs = check_dialogs(20, &messages);
    print_message("%d dialogs of %d messages listed in %.1f s\n", dialogs, messages, now() - begun);
}

/* One of them by the tool itself. */
static void the_tool_lists_them_too(void **state)
{
    (void)state;
    char *ids =
        database_text(test_server_conninfo(server),
                      "SELECT least(user_id, to_user_id) || ' ' || greatest(user_id, to_user_id) || ' ' || count(*) "
                      "FROM dialogs GROUP BY least(user_id, to_user_id), greatest(user_id, to_user_id) "
                      "ORDER BY count(*) DESC LIMIT 1");
    char *second = strchr(ids, ' ');
    assert_non_null(second);
    *second++ = '\0';
    char *number = strchr(second, ' ');
    assert_non_null(number);
    *number++ = '\0';
    struct child child;
    tool_expect(&child, 0, test_server_conninfo(server), TOOL("list", "--json", ids, second));
    long lines = 0;
    for (const char *c = child.out; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, strtol(number, NULL, 10));
    child_free(&child);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_thousand_list_correctly),
        cmocka_unit_test(so_do_long_dialogs),
        cmocka_unit_test(the_tool_lists_them_too),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
