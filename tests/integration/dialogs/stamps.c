/* Times of messages: the server's, whatever the clocks of clients say, in the order in which messages were sent. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* This program's wall clock differs by so much from the machine's. */
static _Atomic int64_t skew_s;

int __real_clock_gettime(clockid_t which, struct timespec *now);
int __wrap_clock_gettime(clockid_t which, struct timespec *now);

int __wrap_clock_gettime(clockid_t which, struct timespec *now)
{
    int code = __real_clock_gettime(which, now);
    if (which == CLOCK_REALTIME)
        now->tv_sec += skew_s;
    return code;
}

static int64_t server_us(struct fixture *fixture)
{
    return sql_number(fixture->sql, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
}

static int64_t stored_us(struct fixture *fixture, int64_t id)
{
    return sql_number(fixture->sql,
                      "SELECT (extract(epoch FROM create_date) * 1000000)::bigint FROM dialogs WHERE id = %lld",
                      (long long)id);
}

static void a_clients_clock_is_no_matter(void **state)
{
    static const int64_t skews[] = {0, 600, -600, 86400, -20};
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    int64_t last = 0;
    for (size_t i = 0; i < sizeof skews / sizeof *skews; i++) {
        skew_s = skews[i];
        dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
        for (int k = 0; k < 3; k++) {
            int64_t before = server_us(fixture);
            dlg_receipt receipt = send_text(k % 2 ? client : fixture->client, &pair.ann, &pair.ben, "hi");
            assert_true(receipt.created_us >= before && receipt.created_us <= server_us(fixture));
            assert_int_equal(receipt.created_us, stored_us(fixture, receipt.id));
            assert_true(receipt.created_us > last);
            last = receipt.created_us;
        }
        client_close(client);
    }
    skew_s = 0;
}

static void a_reply_sorts_after_what_it_answers(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    sql_run(fixture->sql,
            "INSERT INTO dialogs (user_id, to_user_id, text, create_date) "
            "VALUES ('%s', '%s', 'ahead', clock_timestamp() + interval '30 s')",
            uuid_text(&pair.ben), uuid_text(&pair.ann));
    dlg_page *page = list_newest(client, &pair, 10);
    int64_t ahead = dlg_page_at(page, 0)->created_us;
    dlg_page_free(page);
    assert_int_equal(send_text(client, &pair.ann, &pair.ben, "reply").created_us, ahead + 1);
    assert_int_equal(send_text(client, &pair.ann, &pair.ben, "reply").created_us, ahead + 2);
    client_close(client);
}

static void a_load_from_the_future_is_not_followed(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    sql_run(fixture->sql,
            "INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ('%s', '%s', 'load', '2100-01-01')",
            uuid_text(&pair.ben), uuid_text(&pair.ann));
    dlg_page_free(list_newest(client, &pair, 10));
    assert_true(send_text(client, &pair.ann, &pair.ben, "reply").created_us < server_us(fixture));
    client_close(client);
}

/* The texts are numbers. */
static void assert_in_order(struct fixture *fixture, const dlg_uuid *recipient, int count)
{
    const char *ben = uuid_text(recipient);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM dialogs WHERE to_user_id = '%s'", ben), count);
    assert_int_equal(sql_number(fixture->sql,
                                "SELECT count(*) FROM (SELECT text::int - lag(text::int) OVER (ORDER BY create_date, "
                                "id) AS step FROM dialogs WHERE to_user_id = '%s') s WHERE step <= 0",
                                ben),
                     0);
}

/* Over several connections, in batches: each stamp is the server's. */
static void what_is_sent_together_keeps_its_order(void **state)
{
    enum { MESSAGES = 3000, RECIPIENTS = 5 };
    struct fixture *fixture = *state;
    struct pair pairs[RECIPIENTS];
    struct tally tally = {0};
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "write_connections=8 batch_messages=10");
    for (int i = 0; i < RECIPIENTS; i++)
        pairs[i] = pair_new();
    for (int i = 0; i < MESSAGES; i++) {
        char text[16];
        dlg_error *error = NULL;
        const struct pair *pair = &pairs[i % RECIPIENTS];
        snprintf(text, sizeof text, "%d", i);
        assert_ok(dlg_send_async(client, &pair->ann, &pair->ben, text, DLG_NTS, NULL, tally_note, &tally, &error),
                  error);
    }
    while (tally.replies < MESSAGES)
        pause_ms(1);
    assert_int_equal(tally.stored, MESSAGES);
    for (int i = 0; i < RECIPIENTS; i++)
        assert_in_order(fixture, &pairs[i].ben, MESSAGES / RECIPIENTS);
    client_close(client);
}

/*
 * The table is locked for longer than sessions wait (half of timeout_ms): batches are refused, and their messages wait
 * for random times before they are sent again. With keys, whose ids are in no order.
 */
static void what_is_sent_again_keeps_its_order(void **state)
{
    enum { MESSAGES = 3000 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    struct tally tally = {0};
    dlg_client *client =
        client_open(test_server_conninfo(fixture->server), "timeout_ms=400 write_connections=4 batch_messages=10");
    lock_table(fixture);
    for (int i = 0; i < MESSAGES; i++) {
        char text[16];
        dlg_error *error = NULL;
        dlg_send_options options = DLG_SEND_OPTIONS_INIT;
        snprintf(text, sizeof text, "%d", i);
        options.key = text;
        options.timeout_us = -1;
        assert_ok(dlg_send_async(client, &pair.ann, &pair.ben, text, DLG_NTS, &options, tally_note, &tally, &error),
                  error);
    }
    while (client_stats(client).retries < 20)
        pause_ms(10);
    unlock_table(fixture);
    while (tally.replies < MESSAGES)
        pause_ms(1);
    assert_int_equal(tally.stored, MESSAGES);
    assert_in_order(fixture, &pair.ben, MESSAGES);
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clients_clock_is_no_matter),
        cmocka_unit_test(a_reply_sorts_after_what_it_answers),
        cmocka_unit_test(a_load_from_the_future_is_not_followed),
        cmocka_unit_test(what_is_sent_together_keeps_its_order),
        cmocka_unit_test(what_is_sent_again_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
