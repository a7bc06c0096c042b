/* Walking a whole dialog with an iterator. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pair dialog_make(struct fixture *fixture, int count)
{
    struct pair pair = pair_new();
    sql_run(fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT g, "
            "CASE WHEN g %% 2 = 0 THEN ben ELSE ann END, CASE WHEN g %% 2 = 0 THEN ann ELSE ben END, g, "
            "'2024-02-29Z'::timestamptz + g / 5 * interval '1 s' "
            "FROM generate_series(1, %d) g, (SELECT '%s'::uuid AS ann, '%s'::uuid AS ben) pair",
            count, uuid_text(&pair.ann), uuid_text(&pair.ben));
    return pair;
}

static dlg_iterator *walk(dlg_client *client, const struct pair *pair, int limit, const char *after)
{
    dlg_iterator *iterator = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = limit;
    options.after = after;
    assert_ok(dlg_iterate(&iterator, client, &pair->ann, &pair->ben, &options, &error), error);
    return iterator;
}

/* The number that is the next message's text; 0 at the end. */
static int next_number(dlg_iterator *iterator)
{
    const dlg_message *message;
    dlg_error *error = NULL;
    assert_ok(dlg_iterator_next(&message, iterator, &error), error);
    return message ? atoi(message->text) : 0;
}

static void walks_the_whole_dialog(void **state)
{
    static const struct {
        int count, limit;
    } cases[] = {{0, 5}, {1, 1}, {10, 3}, {10, 10}, {10, 11}, {500, 1}, {3000, 1000}, {3000, 7}};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair = dialog_make(fixture, cases[i].count);
        dlg_iterator *iterator = walk(fixture->client, &pair, cases[i].limit, NULL);
        for (int number = 1; number <= cases[i].count; number++)
            assert_int_equal(next_number(iterator), number);
        assert_int_equal(next_number(iterator), 0);
        assert_int_equal(next_number(iterator), 0);
        dlg_iterator_free(iterator);
    }
}

static void the_defaults_walk_too(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 1500);
    dlg_iterator *iterator = NULL;
    dlg_error *error = NULL;
    assert_ok(dlg_iterate(&iterator, fixture->client, &pair.ben, &pair.ann, NULL, &error), error);
    for (int number = 1; number <= 1500; number++)
        assert_int_equal(next_number(iterator), number);
    assert_int_equal(next_number(iterator), 0);
    dlg_iterator_free(iterator);
}

static void the_end_is_looked_at_again(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 5);
    dlg_iterator *iterator = walk(fixture->client, &pair, 3, NULL);
    for (int number = 1; number <= 5; number++)
        assert_int_equal(next_number(iterator), number);
    assert_int_equal(next_number(iterator), 0);
    send_text(fixture->client, &pair.ann, &pair.ben, "6");
    assert_int_equal(next_number(iterator), 6);
    assert_int_equal(next_number(iterator), 0);
    send_text(fixture->client, &pair.ben, &pair.ann, "7");
    send_text(fixture->client, &pair.ben, &pair.ann, "8");
    assert_int_equal(next_number(iterator), 7);
    assert_int_equal(next_number(iterator), 8);
    assert_int_equal(next_number(iterator), 0);
    dlg_iterator_free(iterator);
}

/*
 * Most are newer than the watermark, and more than a cursor remembers: who follows sees such messages again, but not
 * who walks to the end, however long that takes.
 */
static void a_walk_over_recent_messages_shows_each_once(void **state)
{
    enum { COUNT = 700 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    sql_run(fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT g, '%s', '%s', g, "
            "clock_timestamp() + (g - %d) * interval '5 ms' FROM generate_series(1, %d) g",
            uuid_text(&pair.ann), uuid_text(&pair.ben), COUNT / 2, COUNT);
    dlg_iterator *iterator = walk(fixture->client, &pair, 100, NULL);
    for (int number = 1; number <= COUNT; number++) {
        assert_int_equal(next_number(iterator), number);
        if (number % 350 == 0)
            pause_ms(3000);
    }
    assert_int_equal(next_number(iterator), 0);
    dlg_iterator_free(iterator);
}

static void a_walk_is_resumed_at_its_cursor(void **state)
{
    enum { COUNT = 60 };
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, COUNT);
    for (int stop = 0; stop <= COUNT; stop += 7) {
        char cursor[DLG_CURSOR_SIZE];
        dlg_iterator *iterator = walk(fixture->client, &pair, 10, "");
        for (int number = 1; number <= stop; number++)
            assert_int_equal(next_number(iterator), number);
        snprintf(cursor, sizeof cursor, "%s", dlg_iterator_cursor(iterator));
        dlg_iterator_free(iterator);
        iterator = walk(fixture->client, &pair, 9, cursor);
        for (int number = stop + 1; number <= COUNT; number++)
            assert_int_equal(next_number(iterator), number);
        assert_int_equal(next_number(iterator), 0);
        assert_string_not_equal(dlg_iterator_cursor(iterator), cursor);
        dlg_iterator_free(iterator);
    }
}

static void a_walk_may_be_abandoned_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 40);
    for (int stop = 0; stop <= 20; stop++) {
        dlg_iterator *iterator = walk(fixture->client, &pair, 10, NULL);
        for (int number = 1; number <= stop; number++)
            assert_int_equal(next_number(iterator), number);
        dlg_iterator_free(iterator);
    }
    dlg_iterator_free(NULL);
}

/* While a page is under way that does not come: nobody waits for it. */
static void abandoning_does_not_wait(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 40);
    dlg_iterator *iterator = walk(fixture->client, &pair, 10, NULL);
    for (int number = 1; number <= 10; number++)
        assert_int_equal(next_number(iterator), number);
    while (client_stats(fixture->client).queued)
        pause_ms(1);
    sql_run(fixture->sql, "BEGIN; LOCK TABLE dialogs IN ACCESS EXCLUSIVE MODE");
    assert_int_equal(next_number(iterator), 11); /* the page is there, and the one after it is asked for */
    int64_t before = now_us();
    dlg_iterator_free(iterator);
    assert_true(now_us() - before < 2000000);
    sql_run(fixture->sql, "COMMIT");
    dlg_page_free(list_newest(fixture->client, &pair, 1));
}

static void a_walk_goes_on_after_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 25);
    dlg_iterator *iterator = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = 10;
    options.timeout_us = 300000;
    assert_ok(dlg_iterate(&iterator, fixture->client, &pair.ann, &pair.ben, &options, &error), error);
    sql_run(fixture->sql, "BEGIN; LOCK TABLE dialogs IN ACCESS EXCLUSIVE MODE");
    const dlg_message *message;
    assert_fails(dlg_iterator_next(&message, iterator, &error), DLG_E_TIMEOUT, error);
    assert_null(message);
    sql_run(fixture->sql, "COMMIT");
    for (int number = 1; number <= 25; number++)
        assert_int_equal(next_number(iterator), number);
    assert_int_equal(next_number(iterator), 0);
    dlg_iterator_free(iterator);
}

/* Another walk goes on while the queue has no room for a page ahead. */
static void a_full_queue_only_slows_down(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 30);
    dlg_client *client = client_open(test_server_conninfo(fixture->server), "queue_requests=1");
    dlg_iterator *first = walk(client, &pair, 2, NULL), *second = walk(client, &pair, 3, NULL);
    for (int number = 1; number <= 30; number++) {
        assert_int_equal(next_number(first), number);
        assert_int_equal(next_number(second), number);
    }
    dlg_iterator_free(first);
    dlg_iterator_free(second);
    client_close(client);
}

static void bad_input_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 3);
    dlg_client *client = fixture->client;
    dlg_iterator *iterator = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.before = "";
    assert_fails(dlg_iterate(&iterator, client, &pair.ann, &pair.ben, &options, &error), DLG_E_ARGUMENT, error);
    options = (dlg_list_options)DLG_LIST_OPTIONS_INIT;
    options.limit = 0;
    assert_fails(dlg_iterate(&iterator, client, &pair.ann, &pair.ben, &options, &error), DLG_E_ARGUMENT, error);
    options = (dlg_list_options)DLG_LIST_OPTIONS_INIT;
    options.after = "forged";
    assert_fails(dlg_iterate(&iterator, client, &pair.ann, &pair.ben, &options, &error), DLG_E_CURSOR, error);
    assert_fails(dlg_iterate(&iterator, client, &pair.ann, NULL, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_iterate(NULL, client, &pair.ann, &pair.ben, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_iterate(&iterator, NULL, &pair.ann, &pair.ben, NULL, &error), DLG_E_ARGUMENT, error);
    assert_null(iterator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_the_whole_dialog),
        cmocka_unit_test(the_defaults_walk_too),
        cmocka_unit_test(the_end_is_looked_at_again),
        cmocka_unit_test(a_walk_over_recent_messages_shows_each_once),
        cmocka_unit_test(a_walk_is_resumed_at_its_cursor),
        cmocka_unit_test(a_walk_may_be_abandoned_anywhere),
        cmocka_unit_test(abandoning_does_not_wait),
        cmocka_unit_test(a_walk_goes_on_after_an_error),
        cmocka_unit_test(a_full_queue_only_slows_down),
        cmocka_unit_test(bad_input_is_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
