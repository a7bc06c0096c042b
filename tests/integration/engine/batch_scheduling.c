/* The setting batch_scheduling: with many requests at once, and only then, the I/O thread is of the class SCHED_BATCH.
 */
#include "fixture.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>

/* How many threads of this process are of the class. */
static int threads_of(int class)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks));)
        count += atoi(entry->d_name) > 0 && sched_getscheduler(atoi(entry->d_name)) == class;
    closedir(tasks);
    return count;
}

static void wait_for_threads(int class, int count)
{
    for (int64_t end = now_us() + 30 * 1000000; threads_of(class) != count; pause_ms(1))
        if (now_us() > end)
            fail_msg("%d threads of class %d, not %d", threads_of(class), class, count);
}

static void begin_to_send(dlg_client *client, int count, struct tally *tally)
{
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    for (int i = 0; i < count; i++)
        assert_ok(dlg_send_async(client, &pair.ann, &pair.ben, "one", DLG_NTS, NULL, tally_note, tally, &error), error);
}

static void unblock(struct fixture *fixture, const struct tally *tally, int count)
{
    unlock_table(fixture);
    for (int64_t end = now_us() + 30 * 1000000; tally->replies < count; pause_ms(1))
        if (now_us() > end)
            fail_msg("%d replies of %d", tally->replies, count);
    assert_int_equal(tally->stored, count);
}

/* Sends `count` messages that wait for a lock, with a client of these settings; how many threads are of the class then.
 */
static void block_and_unblock(struct fixture *fixture, const char *settings, int count, int threads)
{
    struct tally tally = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), settings);
    assert_int_equal(threads_of(SCHED_BATCH), 0);
    lock_table(fixture);
    begin_to_send(client, count, &tally);
    if (threads)
        wait_for_threads(SCHED_BATCH, threads);
    else
        pause_ms(200);
    assert_int_equal(threads_of(SCHED_BATCH), threads);
    unblock(fixture, &tally, count);
    wait_for_threads(SCHED_BATCH, 0);
    client_close(client);
}

static void many_requests_let_others_go_first(void **state)
{
    block_and_unblock(*state, "batch_scheduling=on", 64, 1);
}

static void neither_few_nor_very_many_do(void **state)
{
    block_and_unblock(*state, "batch_scheduling=on", 8, 0);
    block_and_unblock(*state, "batch_scheduling=on", 400, 0);
}

/* A library does not change its thread's class unasked. */
static void it_is_off_by_default(void **state)
{
    block_and_unblock(*state, "", 64, 0);
}

/* Who starts the client in a class of its own keeps it, whatever comes. */
static void the_owner_s_choice_stays(void **state)
{
    struct fixture *fixture = *state;
    const struct sched_param none = {0};
    struct tally tally = {0};
    assert_int_equal(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "batch_scheduling=on");
    int threads = threads_of(SCHED_BATCH);
    assert_true(threads > 1);
    lock_table(fixture);
    begin_to_send(client, 64, &tally);
    unblock(fixture, &tally, 64);
    pause_ms(200); /* iterations after that */
    assert_int_equal(threads_of(SCHED_BATCH), threads);
    client_close(client);
    assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_requests_let_others_go_first),
        cmocka_unit_test(it_is_off_by_default),
        cmocka_unit_test(neither_few_nor_very_many_do),
        cmocka_unit_test(the_owner_s_choice_stays),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
