/* What a client tells of itself: the log, the trace, the state of its connection, its names at the server. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lines {
    pthread_mutex_t lock;
    char text[65536];
    int count[DLG_LOG_LEVEL_DEBUG + 1];
};

static void keep(dlg_log_level level, const char *subsystem, const char *line, void *payload)
{
    struct lines *lines = payload;
    pthread_mutex_lock(&lines->lock);
    size_t used = strlen(lines->text);
    snprintf(lines->text + used, sizeof lines->text - used, "%s %s: %s\n", dlg_log_level_name(level), subsystem, line);
    lines->count[level]++;
    pthread_mutex_unlock(&lines->lock);
}

static dlg_client *open_logged(struct fixture *fixture, dlg_log_level level, struct lines *lines)
{
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    assert_ok(dlg_settings_set(settings, "schema", "check", &error), error);
    assert_ok(dlg_settings_log(settings, level, keep, lines, &error), error);
    assert_ok(dlg_open(&client, test_server_conninfo(fixture->server), settings, &error), error);
    dlg_settings_free(settings);
    return client;
}

static void terminate_connections(struct fixture *fixture, const char *name)
{
    sql_run(fixture->sql, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '%s'",
            name);
}

static void the_log_tells_connections_batches_and_losses(void **state)
{
    struct fixture *fixture = *state;
    struct lines *lines = calloc(1, sizeof *lines);
    struct pair pair = pair_new();
    pthread_mutex_init(&lines->lock, NULL);
    dlg_client *client = open_logged(fixture, DLG_LOG_LEVEL_DEBUG, lines);
    send_text(client, &pair.ann, &pair.ben, "a secret text");
    terminate_connections(fixture, "libdialogs");
    send_text(client, &pair.ann, &pair.ben, "a second one");
    dlg_close(NULL, client, 0);

    assert_non_null(strstr(lines->text, "info client: opened by libdialogs 0."));
    assert_non_null(strstr(lines->text, "info connection: "));
    assert_non_null(strstr(lines->text, "the first is dlg_message_insert"));
    assert_non_null(strstr(lines->text, "warning connection: "));
    assert_non_null(strstr(lines->text, "is lost: "));
    assert_non_null(strstr(lines->text, "info client: closed; 0 requests"));
    assert_null(strstr(lines->text, "secret text"));
    pthread_mutex_destroy(&lines->lock);
    free(lines);
}

static bool has_line(struct lines *lines, const char *line)
{
    pthread_mutex_lock(&lines->lock);
    bool has = strstr(lines->text, line);
    pthread_mutex_unlock(&lines->lock);
    return has;
}

static void follow_until_told(dlg_client *client, struct lines *lines, const char *line)
{
    struct pair pair = pair_new();
    send_text(client, &pair.ann, &pair.ben, "begin");
    dlg_page *page = list_newest(client, &pair, 1);
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.after = dlg_page_after(page);
    int64_t until_us = now_us() + 60 * 1000000;
    while (!has_line(lines, line)) {
        dlg_page *newer = NULL;
        dlg_error *error = NULL;
        assert_true(now_us() < until_us);
        assert_ok(dlg_list(&newer, client, &pair.ann, &pair.ben, &options, &error), error);
        dlg_page_free(newer);
        pause_ms(200);
    }
    dlg_page_free(page);
}

/* A transaction that does not end: followers still see what is new, but the operator should know. */
static void sleep_in_callback(dlg_reply *reply, void *payload)
{
    dlg_reply_free(reply);
    usleep(4000000);
    sem_post(payload);
}

/* The callback is to blame, and not the database. */
static void a_slow_callback_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct lines *lines = calloc(1, sizeof *lines);
    struct pair pair = pair_new();
    dlg_client *client = open_logged(fixture, DLG_LOG_LEVEL_WARNING, lines);
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    dlg_error *error = NULL;
    sem_t slept;
    sem_init(&slept, 0, 0);
    sql_run(fixture->sql, "BEGIN; LOCK TABLE dialogs");
    options.timeout_us = 300000; /* ends in the callback of the one before */
    assert_ok(dlg_list_async(client, &pair.ann, &pair.ben, &options, sleep_in_callback, &slept, &error), error);
    options.timeout_us = 3000000;
    dlg_page *page = NULL;
    int code = dlg_list(&page, client, &pair.ann, &pair.ben, &options, &error);
    assert_non_null(strstr(dlg_error_message(error), "while a callback kept the I/O thread for"));
    assert_fails(code, DLG_E_TIMEOUT, error);
    sem_wait(&slept);
    sql_run(fixture->sql, "ROLLBACK");
    client_close(client);
    assert_non_null(strstr(lines->text, "warning dispatch: a callback took "));
    sem_destroy(&slept);
    free(lines);
}

static void the_log_tells_that_the_watermark_stands_still(void **state)
{
    struct fixture *fixture = *state;
    struct lines *lines = calloc(1, sizeof *lines);
    pthread_mutex_init(&lines->lock, NULL);
    dlg_client *client = open_logged(fixture, DLG_LOG_LEVEL_INFO, lines);
    late_begin(fixture, 0, "LOCK TABLE dialogs IN ROW EXCLUSIVE MODE");
    follow_until_told(client, lines, "warning watermark: it has stood still for 10 s, since these transactions hold");
    late_commit(fixture, 0);
    follow_until_told(client, lines, "info watermark: it moves again");
    dlg_close(NULL, client, 0);
    pthread_mutex_destroy(&lines->lock);
    free(lines);
}

static void a_level_leaves_out_what_is_below(void **state)
{
    struct fixture *fixture = *state;
    struct lines *lines = calloc(1, sizeof *lines);
    struct pair pair = pair_new();
    pthread_mutex_init(&lines->lock, NULL);
    dlg_client *client = open_logged(fixture, DLG_LOG_LEVEL_WARNING, lines);
    terminate_connections(fixture, "libdialogs");
    send_text(client, &pair.ann, &pair.ben, "one");
    dlg_close(NULL, client, 0);
    assert_true(lines->count[DLG_LOG_LEVEL_WARNING] > 0);
    assert_int_equal(lines->count[DLG_LOG_LEVEL_INFO] + lines->count[DLG_LOG_LEVEL_DEBUG], 0);
    pthread_mutex_destroy(&lines->lock);
    free(lines);
}

static void an_unknown_level_is_refused(void **state)
{
    (void)state;
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    assert_fails(dlg_settings_log(settings, (dlg_log_level)9, keep, NULL, &error), DLG_E_ARGUMENT, error);
    dlg_settings_free(settings);
    assert_string_equal(dlg_log_level_name((dlg_log_level)9), "unknown");
    assert_string_equal(dlg_connection_state_name((dlg_connection_state)-1), "unknown");
}

/* ---- The state ---- */

static void wait_for_state(dlg_client *client, dlg_connection_state wanted)
{
    dlg_connection_state now = DLG_CONNECTION_STATE_CLOSED;
    for (int64_t end = now_us() + 30 * 1000000; now != wanted; pause_ms(5)) {
        assert_int_equal(dlg_connection_state_get(&now, NULL, client), DLG_OK);
        if (now_us() > end)
            fail_msg("%s, not %s", dlg_connection_state_name(now), dlg_connection_state_name(wanted));
    }
}

static void the_state_says_why_there_is_no_connection(void **state)
{
    (void)state;
    dlg_error *last = NULL;
    dlg_connection_state now;
    dlg_client *client = client_open("host=127.0.0.1 port=1 connect_timeout=2", "open=lazy");
    wait_for_state(client, DLG_CONNECTION_STATE_RETRYING);
    assert_int_equal(dlg_connection_state_get(&now, &last, client), DLG_OK);
    assert_int_equal(dlg_error_code(last), DLG_E_UNAVAILABLE);
    assert_non_null(strstr(dlg_error_message(last), "127.0.0.1"));
    dlg_error_free(last);
    dlg_close_now(NULL, client);
    assert_int_equal(dlg_connection_state_get(&now, NULL, NULL), DLG_E_ARGUMENT);
}

static void the_state_keeps_the_last_error_after_a_reconnect(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *last = NULL;
    dlg_connection_state now;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    wait_for_state(client, DLG_CONNECTION_STATE_READY);
    assert_int_equal(dlg_connection_state_get(&now, &last, client), DLG_OK);
    assert_null(last);
    terminate_connections(fixture, "libdialogs");
    send_text(client, &pair.ann, &pair.ben, "again");
    wait_for_state(client, DLG_CONNECTION_STATE_READY);
    assert_int_equal(dlg_connection_state_get(&now, &last, client), DLG_OK);
    assert_non_null(last);
    dlg_error_free(last);
    client_close(client);
}

/* ---- Names at the server ---- */

static void operations_have_names_at_the_server(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "operation_names=comment");
    send_text(client, &pair.ann, &pair.ben, "one");
    dlg_page_free(list_newest(client, &pair, 10));
    assert_true(sql_number(fixture->sql,
                           "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                           "'libdialogs writes' AND query LIKE '/* libdialogs dlg_message_insert */ %%'"));
    assert_true(sql_number(fixture->sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                                         "'libdialogs reads' AND query LIKE '/* libdialogs dlg_%%'"));
    client_close(client);
}

/* ---- The trace: of another process, since a process has one from its first dlg_open() on ---- */

static int traced(const char *conninfo)
{
    dlg_client *client = client_open(conninfo, "");
    struct pair pair = pair_new();
    send_text(client, &pair.ann, &pair.ben, "a traced text");
    client_close(client);
    return 0;
}

static void a_trace_has_events_and_the_protocol(void **state)
{
    struct fixture *fixture = *state;
    char path[] = "/tmp/dialogs-trace-XXXXXX", text[65536] = "";
    int output, fd = mkstemp(path);
    assert_true(fd >= 0 && unlink(path) == 0 && close(fd) == 0);
    assert_int_equal(setenv("DLG_TRACE", path, 1), 0);
    const char *arguments[] = {"traced", test_server_conninfo(fixture->server), NULL};
    pid_t pid = self_start(arguments, &output);
    assert_int_equal(self_wait(pid), 0);
    close(output);
    unsetenv("DLG_TRACE");

    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    unlink(path);
    assert_non_null(strstr(text, " client: opened by libdialogs "));
    assert_non_null(strstr(text, " dispatch: batch of 1 on connection "));
    assert_non_null(strstr(text, "\tParse\t"));
    assert_non_null(strstr(text, "a traced text"));
    const char *line = strstr(text, " connection ");
    assert_non_null(line);
    assert_true(line - text >= 26);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "traced") == 0)
        return traced(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_tells_connections_batches_and_losses),
        cmocka_unit_test(a_slow_callback_is_told),
        cmocka_unit_test(the_log_tells_that_the_watermark_stands_still),
        cmocka_unit_test(a_level_leaves_out_what_is_below),
        cmocka_unit_test(an_unknown_level_is_refused),
        cmocka_unit_test(the_state_says_why_there_is_no_connection),
        cmocka_unit_test(the_state_keeps_the_last_error_after_a_reconnect),
        cmocka_unit_test(operations_have_names_at_the_server),
        cmocka_unit_test(a_trace_has_events_and_the_protocol),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
