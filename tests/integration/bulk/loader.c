/* Bulk loading: much, again, half again, users, and what is refused. */
#include "check.h"
#include "database.h"
#include "loading.h"

#include <dialogs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 100000 };

/* ---- Much ---- */

static void loads_many_and_skips_them_again(void **state)
{
    dlg_loader *loader = *state;
    loading_load(loader, 0, MANY, 1);
    dlg_progress done = loading_progress(loader);
    assert_int_equal(done.messages, MANY);
    assert_int_equal(done.skipped, 0);
    assert_true(done.bytes > MANY * 60);
    loading_check(MANY);
    loading_load(loader, 0, MANY, 1);
    done = loading_progress(loader);
    assert_int_equal(done.messages, 2 * MANY);
    assert_int_equal(done.skipped, MANY);
    loading_check(MANY);
}

static void adds_what_is_missing(void **state)
{
    dlg_loader *loader = *state;
    loading_load(loader, 0, 2 * LOADING_CHUNK, 2);
    loading_load(loader, 0, 2 * LOADING_CHUNK, 1);
    assert_int_equal(loading_progress(loader).skipped, LOADING_CHUNK);
    loading_check(2 * LOADING_CHUNK);
    loading_load(loader, 2 * LOADING_CHUNK, 4 * LOADING_CHUNK, 1); /* and goes back to COPY */
    assert_int_equal(loading_progress(loader).skipped, LOADING_CHUNK);
    loading_check(4 * LOADING_CHUNK);
}

/* ---- Conflicts ---- */

static void add(dlg_loader *loader, const dlg_message_input *message)
{
    dlg_error *error = NULL;
    assert_ok(dlg_loader_message(loader, message, &error), error);
}

/* The next flush tells of so many conflicts, and of this one. */
static void flush_with_conflicts(dlg_loader *loader, unsigned count, const dlg_message_input *named)
{
    char expected[128], id[DLG_UUID_TEXT_SIZE];
    dlg_error *error = NULL;
    assert_int_equal(dlg_loader_flush(loader, &error), DLG_E_EXISTS);
    assert_int_equal(dlg_error_fate(error), DLG_FATE_WRITTEN);
    assert_false(dlg_error_retriable(error));
    snprintf(expected, sizeof expected, "%u messages were not loaded", count);
    assert_non_null(strstr(dlg_error_message(error), expected));
    dlg_uuid_format(id, &named->recipient);
    snprintf(expected, sizeof expected, "%lld to %s", (long long)named->id, id);
    if (!strstr(dlg_error_message(error), expected))
        fail_msg("%s", dlg_error_message(error));
    dlg_error_free(error);
}

static void keeps_the_first_of_two_in_a_chunk(void **state)
{
    dlg_loader *loader = *state;
    dlg_message_input message = loading_message(0);
    add(loader, &message);
    message.text = "another";
    message.length = DLG_NTS;
    add(loader, &message);
    flush_with_conflicts(loader, 1, &message);
    assert_int_equal(loading_progress(loader).conflicts, 1);
    assert_int_equal(loading_progress(loader).skipped, 0);
    loading_check(1);
}

/* Another author, another text: told with its id, while all others are stored. */
static void another_message_under_the_same_id_is_told(void **state)
{
    dlg_loader *loader = *state;
    loading_load(loader, 0, 10, 1);
    dlg_message_input other_author = loading_message(3), other_text = loading_message(5);
    other_author.author = loading_message(3).recipient;
    add(loader, &other_author);
    other_text.text = "other text";
    other_text.length = DLG_NTS;
    add(loader, &other_text);
    for (int64_t i = 0; i < 20; i++) {
        dlg_message_input message = loading_message(i);
        if (i != 3 && i != 5)
            add(loader, &message);
    }
    flush_with_conflicts(loader, 2, &other_text);
    assert_int_equal(loading_progress(loader).conflicts, 2);
    assert_int_equal(loading_progress(loader).skipped, 8);
    loading_check(20);
    loading_load(loader, 10, 30, 1); /* it goes on */
    loading_check(30);
}

static void an_edited_message_is_the_same_one(void **state)
{
    dlg_loader *loader = *state;
    loading_load(loader, 0, 10, 1);
    database_execute(loading_conninfo(), "UPDATE dialogs SET text = 'edited', update_date = now() WHERE id % 2 = 0");
    loading_load(loader, 0, 10, 1);
    assert_int_equal(loading_progress(loader).skipped, 10);
    assert_int_equal(loading_progress(loader).conflicts, 0);
    assert_int_equal(loading_count("text = 'edited'"), 5);
}

/* A chunk that is full is written by the call that adds the next row: it tells, and may be made again. */
static void conflicts_of_a_full_chunk_are_told(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    loading_load(loader, 0, 10, 1);
    dlg_message_input other = loading_message(3), message;
    other.text = "other text";
    other.length = DLG_NTS;
    add(loader, &other);
    for (int64_t i = 10; i < LOADING_CHUNK + 9; i++) {
        message = loading_message(i);
        add(loader, &message);
    }
    message = loading_message(LOADING_CHUNK + 9);
    assert_int_equal(dlg_loader_message(loader, &message, &error), DLG_E_EXISTS);
    dlg_error_free(error);
    add(loader, &message);
    error = NULL;
    assert_ok(dlg_loader_flush(loader, &error), error);
    loading_check(LOADING_CHUNK + 10);
}

/* ---- Keys ---- */

static dlg_message_input keyed_message(const char *key, const char *text)
{
    dlg_message_input message = DLG_MESSAGE_INPUT_INIT;
    message.author = loading_ann;
    message.recipient = loading_bob;
    message.text = text;
    message.key = key;
    return message;
}

static void a_key_stores_one_message(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    dlg_message_input first = keyed_message("order 17", "hello"), second = keyed_message("order 18", "hello");
    for (int i = 0; i < 3; i++) {
        add(loader, &first);
        add(loader, &second);
        assert_ok(dlg_loader_flush(loader, &error), error);
    }
    assert_int_equal(loading_count("text = 'hello'"), 2);
    assert_int_equal(loading_progress(loader).skipped, 4);
    dlg_receipt receipt = DLG_RECEIPT_INIT;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.key = "order 17";
    assert_ok(dlg_send(&receipt, loading_client, &loading_ann, &loading_bob, "hello", DLG_NTS, &options, &error),
              error);
    assert_int_equal(receipt.duplicate, 1);
    assert_int_equal(loading_count("true"), 2);
    dlg_message_input other = keyed_message("order 17", "bye");
    add(loader, &other);
    other.id = receipt.id;
    flush_with_conflicts(loader, 1, &other);
}

static void refuses_bad_keys(void **state)
{
    dlg_loader *loader = *state;
    char key[DLG_KEY_LIMIT + 2];
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = '\0';
    dlg_message_input message = keyed_message(key, "x");
    assert_int_equal(dlg_loader_message(loader, &message, NULL), DLG_E_ARGUMENT);
    message.key = "";
    assert_int_equal(dlg_loader_message(loader, &message, NULL), DLG_E_ARGUMENT);
    message.key = "a key";
    message.id = 1;
    assert_int_equal(dlg_loader_message(loader, &message, NULL), DLG_E_ARGUMENT);
}

static void loads_large_texts(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    char *text = malloc(DLG_TEXT_LIMIT);
    memset(text, 'x', DLG_TEXT_LIMIT);
    for (int i = 0; i < 400; i++) { /* 25 MiB: several chunks by their size */
        dlg_message_input message = loading_message(i);
        message.text = text;
        message.length = DLG_TEXT_LIMIT;
        assert_ok(dlg_loader_message(loader, &message, &error), error);
    }
    assert_true(loading_progress(loader).messages >= 255);
    assert_ok(dlg_loader_flush(loader, &error), error);
    assert_int_equal(loading_count("text = repeat('x', 65536)"), 400);
    free(text);
}

static void free_discards_what_was_not_flushed(void **state)
{
    dlg_loader *loader;
    dlg_error *error = NULL;
    (void)state;
    assert_ok(dlg_loader_open(&loader, loading_client, &error), error);
    dlg_message_input message = loading_message(0);
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    dlg_loader_free(loader);
    assert_int_equal(loading_count("true"), 0);
}

/* ---- Ids, times, users ---- */

static void makes_ids_and_times(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    for (int i = 0; i < 1000; i++) {
        dlg_message_input message = {.version = DLG_MESSAGE_INPUT_VERSION,
                                     .author = loading_ann,
                                     .recipient = loading_bob,
                                     .text = "hello",
                                     .length = DLG_NTS};
        assert_ok(dlg_loader_message(loader, &message, &error), error);
    }
    assert_ok(dlg_loader_flush(loader, &error), error);
    assert_int_equal(database_number(loading_conninfo(), "SELECT count(DISTINCT id) FROM dialogs WHERE id > 0"), 1000);
    assert_int_equal(loading_count("abs(extract(epoch FROM now() - create_date)) < 60"), 1000);
    dlg_page *page = NULL;
    assert_ok(dlg_list(&page, loading_client, &loading_ann, &loading_bob, NULL, &error), error);
    assert_int_equal(dlg_page_count(page), 50);
    dlg_page_free(page);
}

static void sends_sort_after_what_was_loaded(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    dlg_receipt receipt = DLG_RECEIPT_INIT;
    assert_ok(dlg_send(&receipt, loading_client, &loading_ann, &loading_bob, "now", DLG_NTS, NULL, &error), error);
    dlg_message_input ahead = loading_message(0);
    ahead.author = loading_ann;
    ahead.recipient = loading_bob;
    ahead.created_us = receipt.created_us + 20 * 1000000;
    assert_ok(dlg_loader_message(loader, &ahead, &error), error);
    assert_ok(dlg_loader_flush(loader, &error), error);
    assert_ok(dlg_send(&receipt, loading_client, &loading_bob, &loading_ann, "an answer", DLG_NTS, NULL, &error),
              error);
    assert_true(receipt.created_us > ahead.created_us);
}

static void plain_inserts_go_on_after_loaded_ids(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    dlg_message_input message = loading_message(0);
    message.recipient = loading_bob;
    message.id = 4711;
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    assert_ok(dlg_loader_flush(loader, &error), error);
    int64_t next = database_number(loading_conninfo(), "INSERT INTO dialogs (user_id, to_user_id, text) VALUES "
                                                       "(gen_random_uuid(), gen_random_uuid(), 'plain') RETURNING id");
    assert_int_equal(next, 4712);
    message.id = 12; /* and not back */
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    assert_ok(dlg_loader_flush(loader, &error), error);
    next = database_number(loading_conninfo(), "INSERT INTO dialogs (user_id, to_user_id, text) VALUES "
                                               "(gen_random_uuid(), gen_random_uuid(), 'plain') RETURNING id");
    assert_int_equal(next, 4713);
}

static void loads_users(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    char *hash = NULL, *token = NULL;
    assert_ok(dlg_password_hash(&hash, loading_client, "secret", DLG_NTS, &error), error);
    dlg_user user = DLG_USER_INIT;
    user.id = loading_ann;
    user.first_name = "Анна";
    user.second_name = "Ли";
    user.birthdate = "1996-02-29";
    user.biography = "line\nline";
    user.city = "Тверь";
    assert_ok(dlg_loader_user(loader, &user, hash, &error), error);
    dlg_user nobody = DLG_USER_INIT;
    assert_ok(dlg_loader_user(loader, &nobody, NULL, &error), error);
    user.birthdate = "0001-01-01";
    user.id = loading_bob;
    assert_ok(dlg_loader_user(loader, &user, NULL, &error), error);
    assert_ok(dlg_loader_flush(loader, &error), error);
    dlg_free(hash);
    assert_int_equal(loading_progress(loader).users, 3);
    assert_int_equal(database_number(loading_conninfo(), "SELECT count(*) FROM users WHERE birthdate = '0001-01-01'"),
                     1);

    dlg_users *users = NULL;
    assert_ok(dlg_user_get(&users, loading_client, &loading_ann, &error), error);
    const dlg_user *found = dlg_users_at(users, 0);
    assert_string_equal(found->first_name, "Анна");
    assert_string_equal(found->second_name, "Ли");
    assert_string_equal(found->birthdate, "1996-02-29");
    assert_string_equal(found->biography, "line\nline");
    assert_string_equal(found->city, "Тверь");
    dlg_users_free(users);
    assert_ok(dlg_auth(&token, loading_client, &loading_ann, "secret", DLG_NTS, &error), error);
    dlg_free(token);
    assert_int_equal(dlg_auth(&token, loading_client, &loading_bob, "secret", DLG_NTS, NULL), DLG_E_PASSWORD);
    assert_int_not_equal(dlg_auth(&token, loading_client, &loading_bob, "", 0, NULL), DLG_OK);
}

static void skips_users_that_are_there(void **state)
{
    dlg_loader *loader = *state;
    dlg_error *error = NULL;
    dlg_user user = DLG_USER_INIT;
    user.id = loading_ann;
    user.first_name = "first";
    assert_ok(dlg_loader_user(loader, &user, NULL, &error), error);
    assert_ok(dlg_loader_flush(loader, &error), error);
    user.first_name = "second";
    assert_ok(dlg_loader_user(loader, &user, NULL, &error), error);
    dlg_message_input message = loading_message(0); /* in the same chunk, and not skipped */
    assert_ok(dlg_loader_message(loader, &message, &error), error);
    assert_ok(dlg_loader_flush(loader, &error), error);
    assert_int_equal(loading_progress(loader).skipped, 1);
    assert_int_equal(database_number(loading_conninfo(), "SELECT count(*) FROM users WHERE first_name = 'first'"), 1);
    loading_check(1);
}

/* ---- Bad input ---- */

static void check_refused(dlg_loader *loader, dlg_message_input message, int code)
{
    dlg_error *error = NULL;
    assert_int_equal(dlg_loader_message(loader, &message, &error), code);
    assert_int_equal(dlg_error_code(error), code);
    dlg_error_free(error);
}

static void refuses_bad_messages(void **state)
{
    dlg_loader *loader = *state;
    dlg_message_input good = loading_message(0), bad = good;
    char *large = calloc(1, DLG_TEXT_LIMIT + 2);
    memset(large, 'x', DLG_TEXT_LIMIT + 1);
    bad.length = 0;
    check_refused(loader, bad, DLG_E_TEXT);
    bad.text = NULL;
    check_refused(loader, bad, DLG_E_ARGUMENT);
    bad.text = "\xff";
    bad.length = 1;
    check_refused(loader, bad, DLG_E_TEXT);
    bad.text = "a\0b";
    bad.length = 3;
    check_refused(loader, bad, DLG_E_TEXT);
    bad.text = large;
    bad.length = DLG_NTS;
    check_refused(loader, bad, DLG_E_TOO_LARGE);
    bad = good;
    bad.id = -1;
    check_refused(loader, bad, DLG_E_ARGUMENT);
    bad = good;
    bad.recipient = (dlg_uuid){{0}};
    check_refused(loader, bad, DLG_E_ARGUMENT);
    static const int64_t times[] = {INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_C(-211000000000000000)};
    for (size_t i = 0; i < 4; i++) {
        bad = good;
        bad.created_us = times[i];
        check_refused(loader, bad, DLG_E_ARGUMENT);
        bad = good;
        bad.updated_us = times[i];
        check_refused(loader, bad, DLG_E_ARGUMENT);
    }
    assert_int_equal(dlg_loader_message(loader, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_loader_message(NULL, &good, NULL), DLG_E_ARGUMENT);
    free(large);
    loading_load(loader, 0, 10, 1); /* none of them spoils what is good */
    loading_check(10);
}

static void check_user_refused(dlg_loader *loader, const dlg_user *user, const char *hash, int code)
{
    dlg_error *error = NULL;
    assert_int_equal(dlg_loader_user(loader, user, hash, &error), code);
    assert_int_equal(dlg_error_code(error), code);
    dlg_error_free(error);
}

static void refuses_bad_users(void **state)
{
    dlg_loader *loader = *state;
    static const char *const dates[] = {"1990-02-30", "1990-13-01",  "1990-1-1",  "90-01-01",
                                        "yesterday",  "1990-01-01 ", "0000-01-01"};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        dlg_user user = DLG_USER_INIT;
        user.birthdate = dates[i];
        check_user_refused(loader, &user, NULL, DLG_E_ARGUMENT);
    }
    dlg_user user = DLG_USER_INIT;
    check_user_refused(loader, &user, "secret", DLG_E_ARGUMENT);
    user.first_name = "\xc3\x28";
    assert_int_not_equal(dlg_loader_user(loader, &user, NULL, NULL), DLG_OK);
    char long_name[DLG_NAME_LIMIT + 2];
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    user.first_name = long_name;
    check_user_refused(loader, &user, NULL, DLG_E_TOO_LARGE);
    user = (dlg_user)DLG_USER_INIT;
    user.created_us = INT64_MIN + 1;
    check_user_refused(loader, &user, NULL, DLG_E_ARGUMENT);
    assert_int_equal(dlg_loader_user(loader, NULL, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_loader_user(NULL, &user, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_loader_flush(NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_loader_open(&loader, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(dlg_loader_open(NULL, loading_client, NULL), DLG_E_ARGUMENT);
    assert_int_equal(database_number(loading_conninfo(), "SELECT count(*) FROM users"), 0);
}

#define LOADER_TEST(name) cmocka_unit_test_setup_teardown(name, loading_setup, loading_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOADER_TEST(loads_many_and_skips_them_again),
        LOADER_TEST(adds_what_is_missing),
        LOADER_TEST(keeps_the_first_of_two_in_a_chunk),
        LOADER_TEST(another_message_under_the_same_id_is_told),
        LOADER_TEST(an_edited_message_is_the_same_one),
        LOADER_TEST(conflicts_of_a_full_chunk_are_told),
        LOADER_TEST(a_key_stores_one_message),
        LOADER_TEST(refuses_bad_keys),
        LOADER_TEST(loads_large_texts),
        LOADER_TEST(free_discards_what_was_not_flushed),
        LOADER_TEST(makes_ids_and_times),
        LOADER_TEST(sends_sort_after_what_was_loaded),
        LOADER_TEST(plain_inserts_go_on_after_loaded_ids),
        LOADER_TEST(loads_users),
        LOADER_TEST(skips_users_that_are_there),
        LOADER_TEST(refuses_bad_messages),
        LOADER_TEST(refuses_bad_users),
    };
    return cmocka_run_group_tests(tests, loading_group_setup, loading_group_teardown);
}
