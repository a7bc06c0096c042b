/* Deadlines: what is reported when they pass, and what does not wait for what. */
#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GENEROUS_US = 20 * 1000000 };

static dlg_client *open_client(struct fixture *fixture, const char *settings)
{
    return client_open(test_server_conninfo(fixture->server), settings);
}

struct fates {
    _Atomic int replies, stored, timed_out, possibly, not_written;
};

static void note(dlg_reply *reply, void *payload)
{
    struct fates *fates = payload;
    const dlg_error *error = dlg_reply_error(reply);
    bool late = error && dlg_error_code(error) == DLG_E_TIMEOUT && dlg_error_retriable(error);
    fates->stored += !error;
    fates->timed_out += late;
    fates->possibly += late && dlg_error_fate(error) == DLG_FATE_POSSIBLY_WRITTEN;
    fates->not_written += late && dlg_error_fate(error) == DLG_FATE_NOT_WRITTEN;
    dlg_reply_free(reply);
    fates->replies++;
}

/* What has left may be stored still; what waits here never is. */
static void the_fate_tells_what_has_left(void **state)
{
    enum { COUNT = 40 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct fates fates = {0};
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    dlg_client *client = open_client(fixture, "batch_messages=1 write_connections=2");
    lock_table(fixture);
    int64_t end_us = now_us() + 3000000; /* of all, those that wait here a little before those that have left */
    for (int i = 0; i < COUNT; i++) {
        options.timeout_us = end_us - now_us() - (i < 2 ? 0 : 100000);
        assert_int_equal(dlg_send_async(client, &pair.ann, &pair.ben, "x", 1, &options, note, &fates, NULL), DLG_OK);
        if (i == 0)
            wait_for_lock(fixture);
    }
    while (fates.replies < COUNT)
        pause_ms(5);
    assert_int_equal(fates.timed_out, COUNT);
    assert_true(fates.possibly >= 1 && fates.possibly <= 2); /* one on each connection */
    assert_int_equal(fates.possibly + fates.not_written, COUNT);
    unlock_table(fixture);
    wait_until_idle(fixture);
    assert_true(sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'",
                           uuid_text(&pair.ben)) <= fates.possibly);
    send_text(client, &pair.ann, &pair.ben, "works again");
    client_close(client);
}

static int send_within(dlg_client *client, int64_t timeout_us, dlg_error **error)
{
    struct pair pair = pair_new();
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = timeout_us;
    return dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, &options, error);
}

static void a_call_may_have_its_own_deadline(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_client *slow = open_client(fixture, "timeout_ms=60000"), *fast = open_client(fixture, "timeout_ms=300");
    struct fates unlimited = {0};
    struct pair pair = pair_new();
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = -1;
    lock_table(fixture);
    assert_ok(dlg_send_async(fast, &pair.ann, &pair.ben, "x", 1, &options, note, &unlimited, &error), error);
    int64_t before = now_us();
    assert_fails(send_within(slow, 200000, &error), DLG_E_TIMEOUT, error);
    int64_t took = now_us() - before;
    assert_true(took >= 200000 && took < GENEROUS_US);
    before = now_us();
    assert_fails(send_within(fast, 0, &error), DLG_E_TIMEOUT, error);
    assert_true(now_us() - before >= 300000);
    before = now_us();
    assert_fails(send_within(fast, 900000, &error), DLG_E_TIMEOUT, error);
    assert_true(now_us() - before >= 900000);
    assert_int_equal(unlimited.replies, 0);
    unlock_table(fixture);
    assert_ok(send_within(fast, INT64_MAX, &error), error);
    assert_ok(send_within(slow, INT64_MAX - 1, &error), error);
    assert_ok(send_within(slow, INT64_MIN, &error), error);
    while (unlimited.replies == 0)
        pause_ms(5);
    assert_int_equal(unlimited.stored, 1);
    client_close(slow);
    client_close(fast);
}

static void lists_have_deadlines(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.timeout_us = 200000;
    sql_run(fixture->sql, "BEGIN; LOCK TABLE dialogs IN ACCESS EXCLUSIVE MODE");
    int code = dlg_list(&page, fixture->client, &pair.ann, &pair.ben, &options, &error);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    assert_fails(code, DLG_E_TIMEOUT, error);
    assert_null(page);
    unlock_table(fixture);
    assert_ok(dlg_list(&page, fixture->client, &pair.ann, &pair.ben, &options, &error), error);
    dlg_page_free(page);
}

static void reads_do_not_wait_for_commits(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct fates fates = {0};
    send_text(fixture->client, &pair.ann, &pair.ben, "before");
    lock_table(fixture);
    for (int i = 0; i < 200; i++)
        assert_int_equal(dlg_send_async(fixture->client, &pair.ann, &pair.ben, "x", 1, NULL, note, &fates, NULL),
                         DLG_OK);
    for (int i = 0; i < 50; i++) {
        dlg_page *page = list_newest(fixture->client, &pair, 50);
        assert_int_equal(dlg_page_count(page), 1);
        dlg_page_free(page);
    }
    assert_int_equal(fates.replies, 0);
    unlock_table(fixture);
    while (fates.replies < 200)
        pause_ms(1);
    assert_int_equal(fates.stored, 200);
}

/* A short lock only delays; a message gets the time at which it leaves for good. */
static void a_lock_delays_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct fates fates = {0};
    lock_table(fixture);
    assert_int_equal(dlg_send_async(fixture->client, &pair.ann, &pair.ben, "x", 1, NULL, note, &fates, NULL), DLG_OK);
    pause_ms(500);
    assert_int_equal(fates.replies, 0);
    unlock_table(fixture);
    while (fates.replies < 1)
        pause_ms(1);
    assert_int_equal(fates.stored, 1);
}

/* Sessions do not pile up behind a lock that is held for long, and what is stored then is not stamped long before. */
static void a_long_lock_collects_no_sessions(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct fates fates = {0};
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.timeout_us = 60 * 1000000;
    dlg_client *client = open_client(fixture, "timeout_ms=600 backoff_max_ms=50");
    lock_table(fixture);
    assert_int_equal(dlg_send_async(client, &pair.ann, &pair.ben, "x", 1, &options, note, &fates, NULL), DLG_OK);
    pause_ms(3000);
    assert_int_equal(fates.replies, 0);
    assert_true(sql_number(fixture->sql, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") <= 2);
    unlock_table(fixture);
    while (fates.replies < 1)
        pause_ms(1);
    assert_int_equal(fates.stored, 1);
    assert_int_equal(sql_number(fixture->sql,
                                "SELECT count(*) FROM dialogs WHERE to_user_id = '%s' AND "
                                "create_date > clock_timestamp() - interval '2 s'",
                                uuid_text(&pair.ben)),
                     1);
    client_close(client);
}

static void a_frozen_server_costs_one_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_page *page = NULL;
    dlg_client *client = open_client(fixture, "timeout_ms=500");
    assert_true(test_server_freeze(fixture->server));
    int64_t before = now_us();
    int code = dlg_send(NULL, client, &pair.ann, &pair.ben, "x", 1, NULL, &error);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_POSSIBLY_WRITTEN);
    assert_fails(code, DLG_E_TIMEOUT, error);
    assert_int_not_equal(dlg_list(&page, client, &pair.ann, &pair.ben, NULL, NULL), DLG_OK);
    assert_true(now_us() - before < GENEROUS_US);
    assert_true(test_server_thaw(fixture->server));
    while (dlg_list(&page, client, &pair.ann, &pair.ben, NULL, NULL) != DLG_OK)
        pause_ms(10);
    dlg_page_free(page);
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fate_tells_what_has_left),
        cmocka_unit_test(a_call_may_have_its_own_deadline),
        cmocka_unit_test(lists_have_deadlines),
        cmocka_unit_test(reads_do_not_wait_for_commits),
        cmocka_unit_test(a_lock_delays_and_no_more),
        cmocka_unit_test(a_long_lock_collects_no_sessions),
        cmocka_unit_test(a_frozen_server_costs_one_deadline),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
