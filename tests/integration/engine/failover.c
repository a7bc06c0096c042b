/* A standby takes over: what an acknowledgement is worth then, and how soon sends go on. docs/operations.md tells it.
 */
#include "fixture.h"
#include "standby.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 8, MOST = 40000, OUTAGE_MS = 2500, GOAL_US = 3000000, LIMIT_US = 20000000 };
enum outcome { UNKNOWN, ACKNOWLEDGED, NOT_WRITTEN };

/* A primary, its standby, and writers and a reader of a client that knows both. Each text is sent once. */
struct scene {
    struct test_server *primary;
    struct test_standby *standby;
    char old_one[256], new_one[256];
    dlg_client *client;
    struct pair pairs[WRITERS];
    pthread_t threads[WRITERS + 1];
    _Atomic bool stop;
    _Atomic int next_writer, sent, acknowledged, failed, listed;
    _Atomic int64_t last_us[WRITERS]; /* when a writer began what was acknowledged last */
    _Atomic signed char outcome[MOST];
};

/* Every other writer gives its messages keys. */
static int send_number(struct scene *scene, int writer, const char *text, dlg_error **error)
{
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = writer % 2 ? text : NULL;
    options.key_length = writer % 2 ? DLG_NTS : 0;
    const struct pair *pair = &scene->pairs[writer];
    return dlg_send(NULL, scene->client, &pair->ann, &pair->ben, text, DLG_NTS, &options, error);
}

static void *write_on(void *argument)
{
    struct scene *scene = argument;
    int writer = scene->next_writer++;
    for (int number; !scene->stop && (number = scene->sent++) < MOST;) {
        char text[16];
        dlg_error *error = NULL;
        int64_t began_us = now_us();
        snprintf(text, sizeof text, "%d", number);
        if (send_number(scene, writer, text, &error) == DLG_OK) {
            scene->outcome[number] = ACKNOWLEDGED;
            scene->last_us[writer] = began_us;
            scene->acknowledged++;
        } else {
            scene->outcome[number] = dlg_error_fate(error) == DLG_FATE_NOT_WRITTEN ? NOT_WRITTEN : UNKNOWN;
            scene->failed++;
        }
        dlg_error_free(error);
        pause_ms(1);
    }
    return NULL;
}

static void *read_on(void *argument)
{
    struct scene *scene = argument;
    for (int i = 0; !scene->stop; i++) {
        dlg_page *page = NULL;
        const struct pair *pair = &scene->pairs[i % WRITERS];
        scene->listed += dlg_list(&page, scene->client, &pair->ann, &pair->ben, NULL, NULL) == DLG_OK;
        dlg_page_free(page);
        pause_ms(2);
    }
    return NULL;
}

static void start_servers(struct scene *scene, bool synchronous)
{
    scene->primary = test_server_start(NULL);
    assert_non_null(scene->primary);
    client_close(client_open(test_server_conninfo(scene->primary), ""));
    scene->standby = test_standby_start(scene->primary);
    assert_non_null(scene->standby);
    assert_true(!synchronous || test_standby_synchronize(scene->primary));
    const char *format = "host=127.0.0.1 port=%d user=dialogs dbname=postgres";
    snprintf(scene->old_one, sizeof scene->old_one, format, test_server_port(scene->primary));
    snprintf(scene->new_one, sizeof scene->new_one, format, test_standby_port(scene->standby));
}

static struct scene *scene_start(bool synchronous, const char *attributes, const char *settings)
{
    struct scene *scene = calloc(1, sizeof *scene);
    char conninfo[300];
    start_servers(scene, synchronous);
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1,127.0.0.1 port=%d,%d user=dialogs dbname=postgres %s",
             test_server_port(scene->primary), test_standby_port(scene->standby), attributes);
    scene->client = client_open(conninfo, settings);
    for (int i = 0; i < WRITERS; i++)
        scene->pairs[i] = pair_new();
    for (int i = 0; i <= WRITERS; i++)
        assert_int_equal(pthread_create(&scene->threads[i], NULL, i < WRITERS ? write_on : read_on, scene), 0);
    return scene;
}

static void wait_for_sends(const struct scene *scene, int more)
{
    int goal = scene->acknowledged + more;
    for (int64_t end = now_us() + 60000000; scene->acknowledged < goal; pause_ms(1))
        if (now_us() > end)
            fail_msg("%d acknowledged, %d failed, %d sent", scene->acknowledged, scene->failed, scene->sent);
}

/* Until every writer had a message acknowledged that it began after `since_us`; prints how long that took. */
static void wait_for_all(const struct scene *scene, int64_t since_us, const char *what)
{
    for (int i = 0; i < WRITERS; i++)
        while (scene->last_us[i] < since_us && now_us() < since_us + LIMIT_US)
            pause_ms(1);
    int64_t took_us = now_us() - since_us;
    printf("%s: all writers go on after %.2f s (goal: %.0f s)\n", what, (double)took_us / 1e6, GOAL_US / 1e6);
    assert_true(took_us < LIMIT_US);
}

static void scene_stop(struct scene *scene)
{
    scene->stop = true;
    for (int i = 0; i <= WRITERS; i++)
        pthread_join(scene->threads[i], NULL);
    assert_true(scene->sent < MOST);
    assert_true(scene->listed > 0);
}

static void scene_free(struct scene *scene)
{
    client_close(scene->client);
    test_standby_free(scene->standby);
    test_server_free(scene->primary);
    free(scene);
}

/* How often each number is stored in a database. */
static char *stored_in(const char *conninfo)
{
    char *stored = calloc(MOST, 1);
    PGconn *sql = sql_connect(conninfo);
    PGresult *rows = PQexec(sql, "SELECT text FROM dialogs");
    assert_int_equal(PQresultStatus(rows), PGRES_TUPLES_OK);
    for (int row = 0; row < PQntuples(rows); row++)
        stored[atoi(PQgetvalue(rows, row, 0))]++;
    PQclear(rows);
    PQfinish(sql);
    return stored;
}

/* Nothing is there twice, nor although it was said not to be. Returns how many from `first` on were acknowledged in
 * vain. */
static int count_lost(const struct scene *scene, const char *conninfo, int first)
{
    int lost = 0;
    char *stored = stored_in(conninfo);
    for (int i = 0; i < MOST; i++) {
        if (stored[i] > 1)
            fail_msg("message %d is stored %d times", i, stored[i]);
        if (scene->outcome[i] == NOT_WRITTEN && stored[i])
            fail_msg("message %d was said not to be written, and is", i);
        lost += i >= first && scene->outcome[i] == ACKNOWLEDGED && !stored[i];
    }
    free(stored);
    return lost;
}

/* Whoever is acknowledged from here on began after this moment, but for one message of each writer. */
static int number_now(const struct scene *scene)
{
    return scene->sent + WRITERS;
}

static void on_primary(const struct scene *scene, const char *sql)
{
    assert_true(test_server_execute(scene->primary, sql));
    assert_true(test_server_execute(scene->primary, "SELECT pg_reload_conf()"));
}

static void fail_over(struct scene *scene, const char *what)
{
    assert_true(test_server_kill(scene->primary));
    pause_ms(OUTAGE_MS); /* the pauses between attempts have grown by then */
    int64_t since_us = now_us();
    assert_true(test_standby_promote(scene->standby));
    wait_for_all(scene, since_us, what);
    wait_for_sends(scene, 200);
}

static void a_synchronous_standby_loses_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_start(true, "", "");
    wait_for_sends(scene, 500);
    fail_over(scene, "synchronous standby promoted");
    scene_stop(scene);
    assert_int_equal(scene->failed, 0); /* all within their deadline of 30 s */
    assert_int_equal(count_lost(scene, scene->new_one, 0), 0);
    scene_free(scene);
}

/* As long as the standby has received nothing, that much may be lost. What is acknowledged after that stays. */
static void an_asynchronous_standby_loses_what_it_has_not_received(void **state)
{
    (void)state;
    struct scene *scene = scene_start(false, "target_session_attrs=read-write", "");
    wait_for_sends(scene, 300);
    PGconn *sql = sql_connect(scene->new_one);
    sql_run(sql, "ALTER SYSTEM SET primary_conninfo = ''");
    sql_run(sql, "SELECT pg_reload_conf()");
    for (int i = 0; sql_number(sql, "SELECT count(*) FROM pg_stat_wal_receiver") && i < 1000; i++)
        pause_ms(10);
    PQfinish(sql);
    wait_for_sends(scene, 300);
    fail_over(scene, "asynchronous standby promoted");
    int first = number_now(scene);
    wait_for_sends(scene, 100);
    scene_stop(scene);
    assert_int_equal(scene->failed, 0);
    int lost = count_lost(scene, scene->new_one, 0);
    printf("asynchronous standby promoted: %d of %d acknowledged messages lost\n", lost, scene->acknowledged);
    assert_true(lost >= 300 - WRITERS);
    assert_int_equal(count_lost(scene, scene->new_one, first), 0);
    scene_free(scene);
}

/* Until the old primary, fenced, has no session of the client. */
static void wait_until_left(const struct scene *scene)
{
    PGconn *sql = sql_connect(scene->old_one);
    for (int64_t end = now_us() + LIMIT_US;; pause_ms(5)) {
        if (!sql_number(sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'libdialogs%%'"))
            break;
        assert_true(now_us() < end);
    }
    PQfinish(sql);
}

/*
 * Nobody told the old primary, which goes on: the client cannot know. The fence makes it leave. What the old primary
 * acknowledged since the promotion is there only.
 */
static void an_unfenced_primary_keeps_its_clients_until_it_is_fenced(void **state)
{
    (void)state;
    struct scene *scene = scene_start(false, "", "");
    wait_for_sends(scene, 300);
    assert_true(test_standby_promote(scene->standby));
    wait_for_sends(scene, 300);
    int64_t since_us = now_us();
    on_primary(scene, "ALTER SYSTEM SET default_transaction_read_only = on");
    wait_until_left(scene);
    printf("old primary fenced: all sessions have left after %.2f s\n", (double)(now_us() - since_us) / 1e6);
    wait_for_all(scene, now_us(), "old primary left");
    int first = number_now(scene);
    wait_for_sends(scene, 300);
    scene_stop(scene);
    assert_int_equal(scene->failed, 0);
    assert_true(count_lost(scene, scene->new_one, 0) >= 300 - WRITERS);
    assert_int_equal(count_lost(scene, scene->new_one, first), 0);
    scene_free(scene);
}

/* It waits for the standby, which is none any more, and so acknowledges nothing: its clients leave at their deadline.
 */
static void an_unfenced_primary_with_a_synchronous_standby_acknowledges_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_start(true, "", "timeout_ms=1500");
    wait_for_sends(scene, 300);
    assert_true(test_standby_promote(scene->standby));
    int64_t since_us = now_us();
    wait_for_all(scene, since_us, "old primary not fenced, timeout 1.5 s");
    wait_for_sends(scene, 200);
    scene_stop(scene);
    assert_int_equal(count_lost(scene, scene->new_one, 0), 0);
    PGconn *sql = sql_connect(scene->old_one);
    assert_int_equal(sql_number(sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE "
                                     "'libdialogs%%' AND state = 'idle'"),
                     0); /* readers leave together with writers, who have found the new primary */
    PQfinish(sql);
    scene_free(scene);
}

/* ---- One server, read-only for a while ---- */

static void change_mode(struct fixture *fixture, const char *value)
{
    sql_run(fixture->sql, "ALTER SYSTEM SET default_transaction_read_only = %s", value);
    sql_run(fixture->sql, "SELECT pg_reload_conf()");
}

static void readers_leave_a_server_that_has_become_read_only(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    send_text(client, &pair.ann, &pair.ben, "before");
    uint64_t before = client_stats(client).reconnects;
    change_mode(fixture, "on");
    for (int64_t end = now_us() + 10000000; client_stats(client).reconnects == before; pause_ms(5)) {
        dlg_page_free(list_newest(client, &pair, 5));
        assert_true(now_us() < end);
    }
    uint64_t left = client_stats(client).reconnects;
    for (int i = 0; i < 50; i++)
        dlg_page_free(list_newest(client, &pair, 5)); /* with one host only: it is better than nothing */
    assert_true(client_stats(client).reconnects <= left + 3);
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = 500000;
    int code = dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, &options, &error);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    assert_true(dlg_error_retriable(error));
    assert_fails(code, dlg_error_code(error), error);
    change_mode(fixture, "off");
    send_text(client, &pair.ann, &pair.ben, "after");
    dlg_page *page = list_newest(client, &pair, 5);
    assert_int_equal(dlg_page_count(page), 2);
    dlg_page_free(page);
    client_close(client);
}

static void kinds_of_servers_that_take_no_messages_are_refused(void **state)
{
    static const char *const refused[] = {"standby", "read-only", "prefer-standby", "nonsense"};
    static const char *const good[] = {"any", "read-write", "primary"};
    struct fixture *fixture = *state;
    char conninfo[600];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        dlg_client *client = NULL;
        dlg_error *error = NULL;
        snprintf(conninfo, sizeof conninfo, "%s target_session_attrs=%s", test_server_conninfo(fixture->server),
                 refused[i]);
        int code = client_try(&client, conninfo, "", &error);
        assert_non_null(strstr(dlg_error_message(error), "target_session_attrs"));
        assert_fails(code, DLG_E_ARGUMENT, error);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(conninfo, sizeof conninfo, "%s target_session_attrs=%s", test_server_conninfo(fixture->server),
                 good[i]);
        client_close(client_open(conninfo, ""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_synchronous_standby_loses_nothing),
        cmocka_unit_test(an_asynchronous_standby_loses_what_it_has_not_received),
        cmocka_unit_test(an_unfenced_primary_keeps_its_clients_until_it_is_fenced),
        cmocka_unit_test(an_unfenced_primary_with_a_synchronous_standby_acknowledges_nothing),
        cmocka_unit_test(readers_leave_a_server_that_has_become_read_only),
        cmocka_unit_test(kinds_of_servers_that_take_no_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
