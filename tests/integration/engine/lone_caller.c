/* A blocking call that is alone: its deadline holds, and others that come meanwhile are served as usual. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nobody else would have had a reason to wake up before. */
static void its_deadline_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    static const int64_t timeouts_us[] = {2000, 40000, 300000};
    lock_table(fixture);
    for (size_t i = 0; i < sizeof timeouts_us / sizeof *timeouts_us; i++) {
        dlg_error *error = NULL;
        options.timeout_us = timeouts_us[i];
        int64_t before = now_us();
        assert_fails(dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, &options, &error), DLG_E_TIMEOUT, error);
        assert_true(now_us() - before >= timeouts_us[i]);
        assert_true(now_us() - before < timeouts_us[i] + 3000000);
    }
    unlock_table(fixture);
    client_close(client);
}

/* ---- Nobody else is woken ---- */

static void note_task(dlg_reply *reply, void *payload)
{
    _Atomic pid_t *task = payload;
    dlg_reply_free(reply);
    *task = gettid();
}

static pid_t io_task(dlg_client *client)
{
    struct pair pair = pair_new();
    _Atomic pid_t task = 0;
    assert_int_equal(dlg_list_async(client, &pair.ann, &pair.ben, NULL, note_task, &task, NULL), DLG_OK);
    while (!task)
        pause_ms(1);
    return task;
}

/* How often a thread of this process went to sleep. */
static long sleeps_of(pid_t task)
{
    char path[64], line[128];
    long count = -1;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)task);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
            count = strtol(line + 24, NULL, 10);
    fclose(file);
    assert_true(count >= 0);
    return count;
}

/* The server's answer wakes the caller. A call that took long was handed over, and does not count. */
static void the_io_thread_sleeps_on(void **state)
{
    enum { CALLS = 200, SHORT_US = 4000, TRIES = 20000 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    pid_t task = io_task(client);
    long woken = 0;
    int calls = 0;
    for (int i = 0; i < TRIES && calls < CALLS; i++) {
        pause_ms(1); /* it has gone to sleep after the call before, should that have woken it */
        long before = sleeps_of(task);
        int64_t began = now_us();
        if (i % 2)
            send_text(client, &pair.ann, &pair.ben, "alone");
        else
            dlg_page_free(list_newest(client, &pair, 10));
        if (now_us() - began >= SHORT_US)
            continue;
        pause_ms(1);
        woken += sleeps_of(task) - before;
        calls++;
    }
    assert_int_equal(calls, CALLS);
    assert_in_range(woken, 0, CALLS / 10); /* timers */
    client_close(client);
}

/* After a caller's turn the thread looks after the connections again. */
static void a_lost_connection_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    send_text(client, &pair.ann, &pair.ben, "alone");
    dlg_page_free(list_newest(client, &pair, 10));
    uint64_t before = client_stats(client).reconnects;
    sql_run(fixture->sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                          "backend_type = 'client backend'");
    for (int64_t end = now_us() + 30 * 1000000; client_stats(client).reconnects == before; pause_ms(5))
        if (now_us() > end)
            fail_msg("nobody has noticed");
    send_text(client, &pair.ann, &pair.ben, "again");
    client_close(client);
}

/* ---- Others who come meanwhile ---- */

struct callers {
    struct pair pair;
    dlg_client *client;
    _Atomic bool stop;
    _Atomic int calls;
    _Atomic int replies;
    _Atomic int strangers; /* callbacks on a thread that is not the I/O thread */
    pthread_t io;
    _Atomic bool io_known;
};

static void note_thread(dlg_reply *reply, void *payload)
{
    struct callers *callers = payload;
    if (!callers->io_known) {
        callers->io = pthread_self();
        callers->io_known = true;
    }
    callers->strangers += !pthread_equal(callers->io, pthread_self()) || dlg_reply_code(reply) != DLG_OK;
    callers->replies++;
    dlg_reply_free(reply);
}

static void *call_again_and_again(void *argument)
{
    struct callers *callers = argument;
    while (!callers->stop) {
        send_text(callers->client, &callers->pair.ann, &callers->pair.ben, "blocking");
        dlg_page_free(list_newest(callers->client, &callers->pair, 10));
        callers->calls++;
    }
    return NULL;
}

static void callbacks_stay_on_the_io_thread(void **state)
{
    enum { POSTS = 500 };
    struct fixture *fixture = *state;
    struct callers callers = {.pair = pair_new(), .client = fixture->client};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_again_and_again, &callers), 0);
    for (int i = 0; i < POSTS; i++) {
        assert_int_equal(dlg_send_async(fixture->client, &callers.pair.ben, &callers.pair.ann, "posted", DLG_NTS, NULL,
                                        note_thread, &callers, NULL),
                         DLG_OK);
        while (i % 3 == 0 && callers.replies <= i)
            pause_ms(1);
    }
    while (callers.replies < POSTS)
        pause_ms(1);
    callers.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(callers.strangers, 0);
    assert_int_equal(
        sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'", uuid_text(&callers.pair.ben)),
        callers.calls);
}

/* While the lone call waits for a lock, another one, which needs none, is served. */
static void nobody_waits_for_it(void **state)
{
    struct fixture *fixture = *state;
    struct callers callers = {.pair = pair_new(), .client = fixture->client};
    pthread_t thread;
    lock_table(fixture);
    assert_int_equal(pthread_create(&thread, NULL, call_again_and_again, &callers), 0);
    pause_ms(50);
    int64_t before = now_us();
    for (int i = 0; i < 50; i++)
        dlg_page_free(list_newest(fixture->client, &callers.pair, 10));
    assert_true(now_us() - before < 2000000);
    assert_int_equal(callers.calls, 0);
    callers.stop = true;
    unlock_table(fixture);
    pthread_join(thread, NULL);
    assert_int_equal(callers.calls, 1);
}

/* ---- Threads that end ---- */

static void *send_once(void *argument)
{
    struct callers *callers = argument;
    callers->calls++;
    send_text(callers->client, &callers->pair.ann, &callers->pair.ben, "x");
    pthread_testcancel();
    return NULL;
}

/* A thread that is cancelled in its call holds nobody up. */
static void a_cancelled_caller_holds_nobody_up(void **state)
{
    struct fixture *fixture = *state;
    struct callers callers = {.pair = pair_new(), .client = client_open(test_server_conninfo(fixture->server), "")};
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        callers.calls = 0;
        assert_int_equal(pthread_create(&thread, NULL, send_once, &callers), 0);
        while (!callers.calls)
            pause_ms(0);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
        send_text(callers.client, &callers.pair.ann, &callers.pair.ben, "y");
    }
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s' AND text = 'y'",
                                uuid_text(&callers.pair.ben)),
                     20);
    client_close(callers.client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_deadline_is_kept),         cmocka_unit_test(the_io_thread_sleeps_on),
        cmocka_unit_test(a_lost_connection_is_noticed), cmocka_unit_test(callbacks_stay_on_the_io_thread),
        cmocka_unit_test(nobody_waits_for_it),          cmocka_unit_test(a_cancelled_caller_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
