/* Calls that are given up: each has its one reply, and only those that were meant end. */
#include "fixture.h"

#include <stdatomic.h>
#include <string.h>

struct call {
    _Atomic int replies;
    int code;
    dlg_fate fate;
};

static void note(dlg_reply *reply, void *payload)
{
    struct call *call = payload;
    call->code = dlg_reply_code(reply);
    call->fate = dlg_error_fate(dlg_reply_error(reply));
    dlg_reply_free(reply);
    call->replies++;
}

static void post(dlg_client *client, const struct pair *pair, struct call *call)
{
    dlg_error *error = NULL;
    assert_ok(dlg_send_async(client, &pair->ann, &pair->ben, "x", 1, NULL, note, call, &error), error);
}

static void cancel(dlg_client *client, const void *payload)
{
    dlg_error *error = NULL;
    assert_ok(dlg_cancel(client, payload, &error), error);
}

static void wait_for(const struct call *call)
{
    while (call->replies == 0)
        pause_ms(1);
}

static void a_call_under_way_and_one_that_waits(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct call under_way = {0}, waiting = {0}, other = {0};
    dlg_client *client =
        client_open(test_server_conninfo(fixture->server), "batch_messages=1 write_connections=1 timeout_ms=60000");
    lock_table(fixture);
    post(client, &pair, &under_way);
    wait_for_lock(fixture);
    post(client, &pair, &waiting);
    post(client, &pair, &other);
    cancel(client, &waiting);
    wait_for(&waiting);
    assert_int_equal(waiting.code, DLG_E_CANCELLED);
    assert_int_equal(waiting.fate, DLG_FATE_NOT_WRITTEN);
    cancel(client, &under_way);
    wait_for(&under_way);
    assert_int_equal(under_way.code, DLG_E_CANCELLED);
    assert_int_equal(under_way.fate, DLG_FATE_POSSIBLY_WRITTEN);
    assert_int_equal(other.replies, 0);
    unlock_table(fixture);
    wait_for(&other);
    assert_int_equal(other.code, DLG_OK);
    client_close(client);
    assert_int_equal(under_way.replies + waiting.replies + other.replies, 3);
}

static void all_calls_of_a_payload(void **state)
{
    enum { COUNT = 100 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct call all = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "timeout_ms=60000");
    lock_table(fixture);
    for (int i = 0; i < COUNT; i++)
        post(client, &pair, &all);
    cancel(client, &all);
    while (all.replies < COUNT)
        pause_ms(1);
    assert_int_equal(all.code, DLG_E_CANCELLED);
    assert_int_equal(client_stats(client).queued, 0);
    unlock_table(fixture);
    client_close(client);
    assert_int_equal(all.replies, COUNT);
}

static void a_cancelled_reply_comes_into_the_queue(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    char payload;
    dlg_client *client = client_open("host=/nonexistent", "open=lazy timeout_ms=60000");
    assert_int_equal(dlg_list_async(client, &pair.ann, &pair.ben, NULL, NULL, &payload, NULL), DLG_OK);
    cancel(client, &payload);
    dlg_reply *reply = dlg_reply_next(client, -1);
    assert_int_equal(dlg_reply_code(reply), DLG_E_CANCELLED);
    assert_ptr_equal(dlg_reply_payload(reply), &payload);
    assert_false(dlg_error_retriable(dlg_reply_error(reply)));
    dlg_reply_free(reply);
    client_close(client);
}

static void what_is_done_or_nobody_s_is_no_error(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct call done = {0};
    dlg_error *error = NULL;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    post(client, &pair, &done);
    wait_for(&done);
    cancel(client, &done);
    cancel(client, "nobody's");
    send_text(client, &pair.ann, &pair.ben, "and on");
    assert_int_equal(done.code, DLG_OK);
    assert_int_equal(done.replies, 1);
    assert_fails(dlg_cancel(client, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_cancel(NULL, &done, &error), DLG_E_ARGUMENT, error);
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_under_way_and_one_that_waits),
        cmocka_unit_test(all_calls_of_a_payload),
        cmocka_unit_test(a_cancelled_reply_comes_into_the_queue),
        cmocka_unit_test(what_is_done_or_nobody_s_is_no_error),
    };
    return cmocka_run_group_tests(tests, fixture_install, fixture_close);
}
