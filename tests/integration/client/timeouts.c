/* How long each call waits for a server that does not answer, and what dlg_shutdown() does to those that wait. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHORT_US = 300000, ROWS = 20000 };

/* No default of this client ends a call before the test itself is ended. */
#define PATIENT "timeout_ms=86400000 open_timeout_ms=86400000 bulk_timeout_ms=86400000"

/* ---- The timeout of a thread ---- */

static void lock_all(struct fixture *fixture)
{
    sql_run(fixture->sql, "BEGIN; LOCK TABLE users, dialogs, dlg_schema IN ACCESS EXCLUSIVE MODE");
}

static dlg_uuid user_new(dlg_client *client)
{
    dlg_user user = DLG_USER_INIT;
    dlg_uuid id;
    dlg_error *error = NULL;
    assert_ok(dlg_user_create(&id, client, &user, "secret", DLG_NTS, &error), error);
    return id;
}

static dlg_loader *loader_with_a_row(dlg_client *client, const struct pair *pair)
{
    dlg_loader *loader = NULL;
    dlg_error *error = NULL;
    dlg_message_input message = DLG_MESSAGE_INPUT_INIT;
    message.author = pair->ann;
    message.recipient = pair->ben;
    message.text = "loaded";
    assert_ok(dlg_loader_open(&loader, client, &error), error);
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    return loader;
}

/* A file with an archive of what the database has. */
static int archive_new(dlg_client *client)
{
    char path[] = "/tmp/dialogs-archive-XXXXXX";
    dlg_error *error = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_ok(dlg_dump(client, fd, NULL, NULL, &error), error);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void requests_end_with_the_timeout_of_their_thread(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_users *users = NULL;
    dlg_page *page = NULL;
    dlg_user user = DLG_USER_INIT;
    char *token = NULL;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    dlg_uuid id = user_new(client);
    assert_ok(dlg_token_issue(&token, client, &id, &error), error);
    lock_all(fixture);
    assert_int_equal(dlg_thread_timeout(SHORT_US), 0);
    assert_fails(dlg_user_create(NULL, client, &user, "secret", DLG_NTS, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_user_get(&users, client, &id, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_user_search(&users, client, "A", "", 10, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_user_set_password(client, &id, "other", DLG_NTS, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_auth(NULL, client, &id, "secret", DLG_NTS, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_token_check(NULL, NULL, client, token, DLG_NTS, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_token_revoke(client, token, DLG_NTS, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_list(&page, client, &pair.ann, &pair.ben, NULL, &error), DLG_E_TIMEOUT, error);
    assert_int_equal(dlg_thread_timeout(0), SHORT_US);
    unlock_table(fixture);
    dlg_free(token);
    client_close(client);
}

static void a_timeout_of_its_own_goes_before_that_of_the_thread(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    lock_table(fixture);
    assert_int_equal(dlg_thread_timeout(-1), 0);
    options.timeout_us = SHORT_US;
    assert_fails(dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, &options, &error), DLG_E_TIMEOUT, error);
    unlock_table(fixture);
    assert_ok(dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error), error);
    assert_int_equal(dlg_thread_timeout(0), -1);
    client_close(client);
}

static void *ask_for_the_timeout(void *before)
{
    *(int64_t *)before = dlg_thread_timeout(7);
    return NULL;
}

static void each_thread_has_a_timeout_of_its_own(void **state)
{
    (void)state;
    pthread_t thread;
    int64_t before = 1;
    assert_int_equal(dlg_thread_timeout(SHORT_US), 0);
    assert_int_equal(pthread_create(&thread, NULL, ask_for_the_timeout, &before), 0);
    pthread_join(thread, NULL);
    assert_int_equal(before, 0);
    assert_int_equal(dlg_thread_timeout(0), SHORT_US);
}

static void asynchronous_calls_take_it_when_they_are_started(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    lock_all(fixture);
    dlg_thread_timeout(SHORT_US);
    assert_int_equal(dlg_user_get_async(client, &pair.ann, NULL, NULL, NULL), DLG_OK);
    dlg_thread_timeout(0);
    dlg_reply *reply = dlg_reply_next(client, -1);
    assert_int_equal(dlg_reply_code(reply), DLG_E_TIMEOUT);
    dlg_reply_free(reply);
    unlock_table(fixture);
    client_close(client);
}

/* ---- Work on connections of its own ---- */

static void bulk_work_ends_when_the_database_is_silent(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    int archive = archive_new(client);
    int null = open("/dev/null", O_WRONLY);
    dlg_loader *loader = loader_with_a_row(client, &pair);
    lock_all(fixture);
    dlg_thread_timeout(SHORT_US);
    assert_fails(dlg_dump(client, null, NULL, NULL, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_restore(client, archive, NULL, NULL, &error), DLG_E_TIMEOUT, error);
    assert_fails(dlg_schema_install(NULL, client, &error), DLG_E_TIMEOUT, error);
    assert_int_equal(dlg_loader_flush(loader, &error), DLG_E_TIMEOUT);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    dlg_error_free(error);
    error = NULL;
    unlock_table(fixture);
    dlg_thread_timeout(0);
    assert_ok(dlg_loader_flush(loader, &error), error); /* the row was kept */
    dlg_page *page = list_newest(client, &pair, 10);
    assert_int_equal(dlg_page_count(page), 1);
    dlg_page_free(page);
    dlg_loader_free(loader);
    close(archive);
    close(null);
    client_close(client);
}

static void nothing_waits_for_a_server_that_is_frozen(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_loader *other = NULL;
    dlg_client *second = NULL;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    int null = open("/dev/null", O_WRONLY);
    dlg_loader *loader = loader_with_a_row(client, &pair);
    assert_true(test_server_freeze(fixture->server));
    dlg_thread_timeout(SHORT_US);
    assert_int_not_equal(client_try(&second, test_server_conninfo(fixture->server), PATIENT, NULL), DLG_OK);
    assert_int_not_equal(dlg_loader_open(&other, client, NULL), DLG_OK);
    assert_int_not_equal(dlg_schema_install(NULL, client, NULL), DLG_OK);
    assert_int_not_equal(dlg_dump(client, null, NULL, NULL, NULL), DLG_OK);
    assert_fails(dlg_loader_flush(loader, &error), DLG_E_TIMEOUT, error);
    dlg_thread_timeout(0);
    assert_true(test_server_thaw(fixture->server));
    assert_ok(dlg_loader_flush(loader, &error), error);
    dlg_loader_free(loader);
    close(null);
    client_close(client);
}

static int stop_at_once(const dlg_progress *progress, void *calls)
{
    (void)progress;
    ++*(int *)calls;
    return 1;
}

static void progress_functions_stop_work_that_waits(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    int calls = 0;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    int null = open("/dev/null", O_WRONLY);
    lock_all(fixture);
    assert_fails(dlg_dump(client, null, stop_at_once, &calls, &error), DLG_E_CANCELLED, error);
    assert_int_equal(calls, 1);
    unlock_table(fixture);
    close(null);
    client_close(client);
}

/* ---- Closing ---- */

struct job {
    pthread_t thread;
    dlg_client *client;
    dlg_loader *loader;
    int fd;
    int code;
};

static void *flush(void *argument)
{
    struct job *job = argument;
    job->code = dlg_loader_flush(job->loader, NULL);
    return NULL;
}

static void *dump(void *argument)
{
    struct job *job = argument;
    job->code = dlg_dump(job->client, job->fd, NULL, NULL, NULL);
    return NULL;
}

static void *restore(void *argument)
{
    struct job *job = argument;
    job->code = dlg_restore(job->client, job->fd, NULL, NULL, NULL);
    return NULL;
}

static void *install(void *argument)
{
    struct job *job = argument;
    job->code = dlg_schema_install(NULL, job->client, NULL);
    return NULL;
}

static void *open_loader(void *argument)
{
    struct job *job = argument;
    job->code = dlg_loader_open(&job->loader, job->client, NULL);
    return NULL;
}

static void job_start(struct job *job, dlg_client *client, void *(*run)(void *))
{
    job->client = client;
    assert_int_equal(pthread_create(&job->thread, NULL, run, job), 0);
}

static void assert_closed(struct job *job)
{
    pthread_join(job->thread, NULL);
    assert_int_equal(job->code, DLG_E_CLOSED);
}

static void wait_for_locks(struct fixture *fixture, int count)
{
    while (sql_number(fixture->sql, "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted") < count)
        pause_ms(2);
}

enum { FLUSH, DUMP, RESTORE, INSTALL, OPEN, JOBS };

static dlg_client *open_named(struct fixture *fixture)
{
    char conninfo[512];
    snprintf(conninfo, sizeof conninfo, "%s application_name=closing", test_server_conninfo(fixture->server));
    return client_open(conninfo, PATIENT);
}

/* Each waits for the database in the midst of its work; the server is frozen or not. */
static void end_jobs(struct fixture *fixture, bool frozen)
{
    struct pair pair = pair_new();
    struct job jobs[JOBS] = {0};
    dlg_client *client = open_named(fixture);
    jobs[FLUSH].loader = loader_with_a_row(client, &pair);
    jobs[DUMP].fd = open("/dev/null", O_WRONLY);
    jobs[RESTORE].fd = archive_new(client);
    lock_all(fixture);
    job_start(&jobs[FLUSH], client, flush);
    job_start(&jobs[DUMP], client, dump);
    job_start(&jobs[RESTORE], client, restore);
    job_start(&jobs[INSTALL], client, install);
    wait_for_locks(fixture, INSTALL + 1);
    if (frozen) {
        assert_true(test_server_freeze(fixture->server));
        job_start(&jobs[OPEN], client, open_loader);
    }
    assert_int_equal(dlg_shutdown(NULL, client, SHORT_US), DLG_OK);
    for (int i = 0; i < (frozen ? JOBS : OPEN); i++)
        assert_closed(&jobs[i]);
    if (frozen)
        assert_true(test_server_thaw(fixture->server));
    unlock_table(fixture);
    dlg_loader_free(jobs[FLUSH].loader);
    close(jobs[DUMP].fd);
    close(jobs[RESTORE].fd);
    while (sql_number(fixture->sql, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'"))
        pause_ms(5); /* no session is left, before the client is freed */
    client_close(client);
    assert_int_equal(
        sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE user_id = '%s'", uuid_text(&pair.ann)), 0);
}

static int end_the_thread(const dlg_progress *progress, void *payload)
{
    (void)progress;
    (void)payload;
    pthread_exit(NULL);
}

static void *dump_and_leave(void *argument)
{
    struct job *job = argument;
    job->code = dlg_dump(job->client, job->fd, end_the_thread, NULL, NULL);
    return NULL;
}

static void *restore_and_leave(void *argument)
{
    struct job *job = argument;
    job->code = dlg_restore(job->client, job->fd, end_the_thread, NULL, NULL);
    return NULL;
}

/* A thread that ends within a progress function, as by an exception, takes its work with it. */
static void work_that_its_thread_leaves_ends_with_its_session(void **state)
{
    enum { LEFT = -12345 };
    struct fixture *fixture = *state;
    dlg_client *client = open_named(fixture);
    sql_run(fixture->sql,
            "CREATE TEMP TABLE before AS SELECT pid FROM pg_stat_activity WHERE application_name = 'closing'");
    struct job jobs[] = {{.fd = open("/dev/null", O_WRONLY), .code = LEFT}, {.fd = archive_new(client), .code = LEFT}};
    job_start(&jobs[0], client, dump_and_leave);
    job_start(&jobs[1], client, restore_and_leave);
    for (int i = 0; i < 2; i++) {
        pthread_join(jobs[i].thread, NULL);
        assert_int_equal(jobs[i].code, LEFT);
        close(jobs[i].fd);
    }
    while (sql_number(fixture->sql,
                      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing' AND pid NOT IN "
                      "(SELECT pid FROM before)"))
        pause_ms(5);
    client_close(client);
}

static void a_shutdown_ends_bulk_work_that_waits_for_the_database(void **state)
{
    end_jobs(*state, false);
}

static void a_shutdown_ends_bulk_work_whose_server_is_frozen(void **state)
{
    end_jobs(*state, true);
}

static void fill(struct fixture *fixture)
{
    sql_run(fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text) SELECT n, gen_random_uuid(), gen_random_uuid(), "
            "repeat('x', 100) FROM generate_series(1, %d) n",
            ROWS);
}

static void a_shutdown_ends_bulk_work_at_pipes(void **state)
{
    struct fixture *fixture = *state;
    int full[2], empty[2];
    struct job jobs[2] = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    fill(fixture);
    assert_int_equal(pipe(full), 0);
    assert_int_equal(pipe(empty), 0);
    jobs[0].fd = full[1]; /* nobody reads */
    jobs[1].fd = empty[0];
    job_start(&jobs[0], client, dump);
    job_start(&jobs[1], client, restore);
    while (sql_number(fixture->sql,
                      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'libdialogs' AND query LIKE "
                      "'%%FROM public.dialogs' AND wait_event = 'ClientWrite'") < 1)
        pause_ms(5);
    assert_int_equal(dlg_shutdown(NULL, client, SHORT_US), DLG_OK);
    assert_closed(&jobs[0]);
    assert_closed(&jobs[1]);
    for (int i = 0; i < 2; i++) {
        close(full[i]);
        close(empty[i]);
    }
    client_close(client);
}

static void a_shutdown_lets_bulk_work_finish_in_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct job job = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), PATIENT);
    job.loader = loader_with_a_row(client, &pair);
    lock_table(fixture);
    job_start(&job, client, flush);
    wait_for_locks(fixture, 1);
    unlock_table(fixture);
    assert_int_equal(dlg_shutdown(NULL, client, -1), DLG_OK);
    pthread_join(job.thread, NULL);
    assert_int_equal(job.code, DLG_OK);
    dlg_loader_free(job.loader);
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_end_with_the_timeout_of_their_thread),
        cmocka_unit_test(a_timeout_of_its_own_goes_before_that_of_the_thread),
        cmocka_unit_test(each_thread_has_a_timeout_of_its_own),
        cmocka_unit_test(asynchronous_calls_take_it_when_they_are_started),
        cmocka_unit_test(bulk_work_ends_when_the_database_is_silent),
        cmocka_unit_test(nothing_waits_for_a_server_that_is_frozen),
        cmocka_unit_test(progress_functions_stop_work_that_waits),
        cmocka_unit_test(work_that_its_thread_leaves_ends_with_its_session),
        cmocka_unit_test(a_shutdown_ends_bulk_work_that_waits_for_the_database),
        cmocka_unit_test(a_shutdown_ends_bulk_work_whose_server_is_frozen),
        cmocka_unit_test(a_shutdown_ends_bulk_work_at_pipes),
        cmocka_unit_test(a_shutdown_lets_bulk_work_finish_in_its_time),
    };
    return cmocka_run_group_tests(tests, fixture_install, fixture_close);
}
