/* Bulk loading when the database refuses, loses connections, restarts, is gone. */
#include "check.h"
#include "database.h"
#include "loading.h"
#include "server.h"

#include <dialogs.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 200 * LOADING_CHUNK };

static void says_what_the_database_refuses(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    database_execute(loading_conninfo(), "ALTER TABLE dialogs ADD CONSTRAINT short CHECK (length(text) < 10)");
    dlg_message_input message = loading_message(123456);
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    assert_int_equal(dlg_loader_flush(loader, &error), DLG_E_DATABASE);
    assert_string_equal(dlg_error_sqlstate(error), "23514");
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    dlg_error_free(error);
    error = NULL;
    database_execute(loading_conninfo(), "ALTER TABLE dialogs DROP CONSTRAINT short");
    assert_ok(dlg_loader_flush(loader, &error), error); /* the chunk was kept */
    assert_int_equal(loading_count("text = 'message 123456'"), 1);
}

/* ---- Connections lost ----
 * At most one for each chunk that was loaded, since a loader gives up on a chunk after some time. */

static atomic_bool loading;
static atomic_int killed, chunks;

static void *kill_loaders(void *payload)
{
    (void)payload;
    const struct timespec pause = {.tv_nsec = 200 * 1000000};
    while (atomic_load(&loading)) {
        if (atomic_load(&killed) <= atomic_load(&chunks))
            atomic_fetch_add(&killed,
                             (int)database_number(loading_conninfo(),
                                                  "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM "
                                                  "pg_stat_activity WHERE query LIKE '%public.dialogs (id%' "
                                                  "AND state = 'active' AND pid <> pg_backend_pid()"));
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void survives_killed_connections(void **state)
{
    dlg_loader *loader = *state;
    pthread_t killer;
    atomic_store(&loading, true);
    atomic_store(&killed, 0);
    atomic_store(&chunks, 0);
    assert_int_equal(pthread_create(&killer, NULL, kill_loaders, NULL), 0);
    int64_t loaded = 0;
    for (; loaded < MOST && atomic_load(&killed) < 5; loaded += LOADING_CHUNK) {
        loading_load(loader, loaded, loaded + LOADING_CHUNK, 1);
        atomic_fetch_add(&chunks, 1);
    }
    atomic_store(&loading, false);
    pthread_join(killer, NULL);
    print_message("%d connections killed during %lld messages\n", atomic_load(&killed), (long long)loaded);
    assert_true(atomic_load(&killed) >= 5);
    assert_int_equal(loading_progress(loader).messages, loaded);
    loading_check(loaded);
}

static void survives_a_restart(void **state)
{
    dlg_loader *loader = *state;
    loading_load(loader, 0, LOADING_CHUNK, 1);
    assert_true(test_server_kill(loading_server));
    assert_true(test_server_restart(loading_server));
    loading_load(loader, LOADING_CHUNK, 2 * LOADING_CHUNK, 1);
    loading_check(2 * LOADING_CHUNK);
}

static void gives_up_without_a_database_and_goes_on_later(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    dlg_message_input message = loading_message(0);
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    assert_true(test_server_stop(loading_server));
    assert_int_equal(dlg_loader_flush(loader, &error), DLG_E_UNAVAILABLE);
    assert_int_equal(dlg_error_retriable(error), 1);
    dlg_error_free(error);
    error = NULL;
    dlg_loader *other = NULL;
    assert_int_equal(dlg_loader_open(&other, loading_client, NULL), DLG_E_UNAVAILABLE);
    assert_null(other);
    assert_true(test_server_restart(loading_server));
    assert_ok(dlg_loader_flush(loader, &error), error);
    loading_check(1);
}

/* ---- Where it may not be used ---- */

struct answers {
    dlg_loader *loader;
    int open, flush, dump;
    sem_t given;
};

static void ask(dlg_reply *reply, void *payload)
{
    struct answers *answers = payload;
    dlg_loader *another = NULL;
    answers->open = dlg_loader_open(&another, loading_client, NULL);
    answers->flush = dlg_loader_flush(answers->loader, NULL);
    answers->dump = dlg_dump(loading_client, STDOUT_FILENO, NULL, NULL, NULL);
    dlg_reply_free(reply);
    sem_post(&answers->given);
}

static void a_callback_may_not_wait(void **state)
{
    struct answers answers = {.loader = *state};
    dlg_error *error = NULL;
    dlg_message_input message = loading_message(0);
    assert_int_equal(sem_init(&answers.given, 0, 0), 0);
    assert_ok(dlg_loader_message(*state, &message, &error), error);
    assert_ok(dlg_send_async(loading_client, &loading_ann, &loading_bob, "text", DLG_NTS, NULL, ask, &answers, &error),
              error);
    assert_int_equal(sem_wait(&answers.given), 0);
    sem_destroy(&answers.given);
    assert_int_equal(answers.open, DLG_E_STATE);
    assert_int_equal(answers.flush, DLG_E_STATE);
    assert_int_equal(answers.dump, DLG_E_STATE);
    assert_ok(dlg_loader_flush(*state, &error), error);
}

static void a_forked_child_may_not_load(void **state)
{
    dlg_error *error = NULL;
    dlg_message_input message = loading_message(0);
    assert_ok(dlg_loader_message(*state, &message, &error), error);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dlg_loader *another = NULL;
        bool refused = dlg_loader_open(&another, loading_client, NULL) == DLG_E_FORKED &&
                       dlg_loader_flush(*state, NULL) == DLG_E_FORKED &&
                       dlg_restore(loading_client, STDIN_FILENO, NULL, NULL, NULL) == DLG_E_FORKED;
        _exit(refused ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(dlg_loader_flush(*state, &error), error);
    loading_check(1);
}

#define LOADER_TEST(name) cmocka_unit_test_setup_teardown(name, loading_setup, loading_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOADER_TEST(says_what_the_database_refuses),
        LOADER_TEST(survives_killed_connections),
        LOADER_TEST(survives_a_restart),
        LOADER_TEST(a_callback_may_not_wait),
        LOADER_TEST(a_forked_child_may_not_load),
        LOADER_TEST(gives_up_without_a_database_and_goes_on_later),
    };
    return cmocka_run_group_tests(tests, loading_group_setup, loading_group_teardown);
}
