#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void comes_back_as_it_was_sent(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_receipt first = send_text(fixture->client, &pair.ann, &pair.ben, "привет 👋");
    dlg_receipt second = send_text(fixture->client, &pair.ben, &pair.ann, "hi");
    dlg_page *page = list_newest(fixture->client, &pair, 50);
    assert_int_equal(dlg_page_count(page), 2);
    const dlg_message *message = dlg_page_at(page, 0);
    assert_text(message, "привет 👋");
    assert_int_equal(message->id, first.id);
    assert_int_equal(message->created_us, first.created_us);
    assert_int_equal(message->updated_us, 0);
    assert_int_equal(dlg_uuid_compare(&message->author, &pair.ann), 0);
    assert_int_equal(dlg_uuid_compare(&message->recipient, &pair.ben), 0);
    message = dlg_page_at(page, 1);
    assert_text(message, "hi");
    assert_int_equal(message->id, second.id);
    assert_int_equal(dlg_uuid_compare(&message->author, &pair.ben), 0);
    assert_null(dlg_page_at(page, 2));
    dlg_page_free(page);
}

static void the_receipt_names_the_row(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_receipt receipt = send_text(fixture->client, &pair.ann, &pair.ben, "hi");
    assert_int_equal(receipt.version, DLG_RECEIPT_VERSION);
    assert_int_equal(receipt.duplicate, 0);
    assert_true(receipt.id > 0);
    int64_t created = sql_number(fixture->sql,
                                 "SELECT (extract(epoch FROM create_date) * 1000000)::bigint FROM dialogs "
                                 "WHERE id = %lld AND user_id = '%s' AND to_user_id = '%s' AND text = 'hi'",
                                 (long long)receipt.id, uuid_text(&pair.ann), uuid_text(&pair.ben));
    assert_int_equal(receipt.created_us, created);
    int64_t age = sql_number(fixture->sql,
                             "SELECT (extract(epoch FROM clock_timestamp() - create_date) * 1000000)::bigint "
                             "FROM dialogs WHERE id = %lld",
                             (long long)receipt.id);
    assert_true(age > -1000000 && age < 30 * 1000000);
}

static void shows_both_the_same_dialog(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new(), reversed = {pair.ben, pair.ann};
    for (int i = 0; i < 10; i++)
        send_text(fixture->client, i % 3 ? &pair.ann : &pair.ben, i % 3 ? &pair.ben : &pair.ann, "x");
    dlg_page *ours = list_newest(fixture->client, &pair, 50);
    dlg_page *theirs = list_newest(fixture->client, &reversed, 50);
    assert_int_equal(dlg_page_count(ours), 10);
    assert_int_equal(dlg_page_count(theirs), 10);
    for (size_t i = 0; i < 10; i++) {
        const dlg_message *a = dlg_page_at(ours, i), *b = dlg_page_at(theirs, i);
        assert_int_equal(a->id, b->id);
        assert_int_equal(dlg_uuid_compare(&a->author, &b->author), 0);
    }
    dlg_page_free(ours);
    dlg_page_free(theirs);
}

static void one_may_write_to_oneself(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    pair.ben = pair.ann;
    send_text(fixture->client, &pair.ann, &pair.ann, "buy milk");
    send_text(fixture->client, &pair.ann, &pair.ann, "and bread");
    dlg_page *page = list_newest(fixture->client, &pair, 50);
    assert_int_equal(dlg_page_count(page), 2);
    assert_text(dlg_page_at(page, 0), "buy milk");
    assert_text(dlg_page_at(page, 1), "and bread");
    dlg_page_free(page);
}

static void edits_pass_through(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_receipt receipt = send_text(fixture->client, &pair.ann, &pair.ben, "helo");
    sql_run(fixture->sql, "UPDATE dialogs SET text = 'hello', update_date = '2030-01-01 00:00:00.5Z' WHERE id = %lld",
            (long long)receipt.id);
    dlg_page *page = list_newest(fixture->client, &pair, 50);
    assert_text(dlg_page_at(page, 0), "hello");
    assert_int_equal(dlg_page_at(page, 0)->updated_us, INT64_C(1893456000500000));
    assert_int_equal(dlg_page_at(page, 0)->created_us, receipt.created_us);
    dlg_page_free(page);
}

static void the_order_is_time_then_id(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    const char *ann = uuid_text(&pair.ann), *ben = uuid_text(&pair.ben);
    sql_run(fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) VALUES "
            "(900, '%s', '%s', 'c', '2024-01-01Z'), (700, '%s', '%s', 'a', '2024-01-01Z'), "
            "(800, '%s', '%s', 'b', '2024-01-01Z'), (100, '%s', '%s', 'd', '2024-01-02Z')",
            ann, ben, ann, ben, ben, ann, ben, ann);
    dlg_page *page = list_newest(fixture->client, &pair, 50);
    assert_int_equal(dlg_page_count(page), 4);
    for (size_t i = 0; i < 4; i++)
        assert_text(dlg_page_at(page, i), (const char *[]){"a", "b", "c", "d"}[i]);
    dlg_page_free(page);
}

/* What is answered sorts before the answer, whatever the clock of who wrote it. */
static void a_reply_follows_what_it_answers(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    sql_run(fixture->sql,
            "INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ('%s', '%s', 'a', "
            "clock_timestamp() + interval '20 s')",
            uuid_text(&pair.ann), uuid_text(&pair.ben));
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "");
    dlg_page_free(list_newest(client, &pair, 50));
    send_text(client, &pair.ben, &pair.ann, "b");
    dlg_page *page = list_newest(client, &pair, 50);
    assert_text(dlg_page_at(page, 0), "a");
    assert_text(dlg_page_at(page, 1), "b");
    dlg_page_free(page);
    client_close(client);
}

/* ---- Bad input ---- */

static int try_text(dlg_client *client, const char *text, size_t length, dlg_error **error)
{
    struct pair pair = pair_new();
    return dlg_send(NULL, client, &pair.ann, &pair.ben, text, length, NULL, error);
}

static void bad_texts_are_refused(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    int64_t before = sql_number(fixture->sql, "SELECT count(*) FROM dialogs");
    assert_fails(try_text(fixture->client, "", 0, &error), DLG_E_TEXT, error);
    assert_fails(try_text(fixture->client, "", DLG_NTS, &error), DLG_E_TEXT, error);
    assert_fails(try_text(fixture->client, "a\0b", 3, &error), DLG_E_TEXT, error);
    assert_fails(try_text(fixture->client, "\xff", 1, &error), DLG_E_TEXT, error);
    assert_fails(try_text(fixture->client, "ab\xed\xa0\x80", 5, &error), DLG_E_TEXT, error);
    assert_fails(try_text(fixture->client, "\xd0", 1, &error), DLG_E_TEXT, error);
    assert_fails(try_text(fixture->client, NULL, 1, &error), DLG_E_ARGUMENT, error);
    assert_int_equal(try_text(fixture->client, "", 0, NULL), DLG_E_TEXT);
    assert_int_equal(sql_number(fixture->sql, "SELECT count(*) FROM dialogs"), before);
}

static void the_longest_text_is_64_kib(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    char *text = malloc(DLG_TEXT_LIMIT + 2);
    memset(text, 'x', DLG_TEXT_LIMIT + 1);
    text[DLG_TEXT_LIMIT + 1] = '\0';
    assert_fails(try_text(fixture->client, text, DLG_NTS, &error), DLG_E_TOO_LARGE, error);
    assert_fails(try_text(fixture->client, text, DLG_TEXT_LIMIT + 1, &error), DLG_E_TOO_LARGE, error);
    text[DLG_TEXT_LIMIT] = '\0';
    send_text(fixture->client, &pair.ann, &pair.ben, text);
    dlg_page *page = list_newest(fixture->client, &pair, 1);
    assert_text(dlg_page_at(page, 0), text);
    dlg_page_free(page);
    free(text);
}

static void the_limit_is_a_setting(void **state)
{
    struct fixture *fixture = *state;
    dlg_error *error = NULL;
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "text_limit=5");
    assert_ok(try_text(client, "12345", DLG_NTS, &error), error);
    assert_fails(try_text(client, "123456", DLG_NTS, &error), DLG_E_TOO_LARGE, error);
    client_close(client);
    client = client_open(test_server_conninfo(fixture->server), "text_limit=200000");
    char *text = calloc(1, 200001);
    memset(text, 'y', 200000);
    assert_ok(try_text(client, text, DLG_NTS, &error), error);
    free(text);
    client_close(client);
}

static void users_must_be_somebody(void **state)
{
    struct fixture *fixture = *state;
    static const dlg_uuid nil;
    struct pair pair = pair_new();
    dlg_client *client = fixture->client;
    dlg_error *error = NULL;
    assert_fails(dlg_send(NULL, client, &nil, &pair.ben, "x", 1, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_send(NULL, client, &pair.ann, &nil, "x", 1, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_send(NULL, client, NULL, &pair.ben, "x", 1, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_send(NULL, client, &pair.ann, NULL, "x", 1, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_send(NULL, NULL, &pair.ann, &pair.ben, "x", 1, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_send_async(client, &nil, &pair.ben, "x", 1, NULL, NULL, NULL, &error), DLG_E_ARGUMENT, error);
    assert_int_equal(client_stats(client).queued, 0);
}

static void bad_options_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    dlg_receipt receipt = DLG_RECEIPT_INIT;
    options.version = 7;
    assert_int_equal(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, &error), DLG_E_ARGUMENT);
    assert_string_equal(dlg_error_message(error),
                        "unknown version of dlg_send_options: initialise it with DLG_SEND_OPTIONS_INIT");
    dlg_error_free(error);
    error = NULL;
    options = (dlg_send_options)DLG_SEND_OPTIONS_INIT;
    options.flags = 0x80;
    assert_fails(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, &error), DLG_E_ARGUMENT,
                 error);
    receipt.version = 0;
    assert_fails(dlg_send(&receipt, fixture->client, &pair.ann, &pair.ben, "x", 1, NULL, &error), DLG_E_ARGUMENT,
                 error);
}

static void recipients_are_checked_when_asked(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    dlg_error *error = NULL;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.flags = DLG_SEND_CHECK_RECIPIENT;
    int code = dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "x", 1, &options, &error);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_NOT_WRITTEN);
    assert_false(dlg_error_retriable(error));
    assert_fails(code, DLG_E_RECIPIENT, error);
    sql_run(fixture->sql, "INSERT INTO users (id, password_hash) VALUES ('%s', '')", uuid_text(&pair.ben));
    assert_ok(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "y", 1, &options, &error), error);
    sql_run(fixture->sql, "DELETE FROM users WHERE id = '%s'", uuid_text(&pair.ben));
    assert_ok(dlg_send(NULL, fixture->client, &pair.ann, &pair.ben, "z", 1, &options, &error), error); /* remembered */
    dlg_page *page = list_newest(fixture->client, &pair, 50);
    assert_int_equal(dlg_page_count(page), 2);
    assert_text(dlg_page_at(page, 0), "y");
    dlg_page_free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was_sent),
        cmocka_unit_test(the_receipt_names_the_row),
        cmocka_unit_test(shows_both_the_same_dialog),
        cmocka_unit_test(one_may_write_to_oneself),
        cmocka_unit_test(edits_pass_through),
        cmocka_unit_test(the_order_is_time_then_id),
        cmocka_unit_test(a_reply_follows_what_it_answers),
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(the_longest_text_is_64_kib),
        cmocka_unit_test(the_limit_is_a_setting),
        cmocka_unit_test(users_must_be_somebody),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(recipients_are_checked_when_asked),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
