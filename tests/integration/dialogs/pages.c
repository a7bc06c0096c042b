#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Dialogs of any length ---- */

#define OLD "'2024-02-29 12:00:00Z'::timestamptz + g / 7 * interval '1 s'" /* many share a time */
#define RECENT "clock_timestamp() - interval '3 s' + g / 7 * interval '1 ms'"
#define ONE_TIME "date_trunc('second', clock_timestamp())"

/* Messages "1" to "count", in this order by time and id; every third goes the other way. */
static struct pair dialog_make(struct fixture *fixture, int count, const char *time)
{
    struct pair pair = pair_new();
    sql_run(fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT g, "
            "CASE WHEN g %% 3 = 0 THEN ben ELSE ann END, CASE WHEN g %% 3 = 0 THEN ann ELSE ben END, g, %s "
            "FROM generate_series(1, %d) g, (SELECT '%s'::uuid AS ann, '%s'::uuid AS ben) pair",
            time, count, uuid_text(&pair.ann), uuid_text(&pair.ben));
    return pair;
}

static dlg_page *list_from(dlg_client *client, const struct pair *pair, int limit, const char *before,
                           const char *after)
{
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = limit;
    options.before = before;
    options.after = after;
    assert_ok(dlg_list(&page, client, &pair->ann, &pair->ben, &options, &error), error);
    return page;
}

static int number_at(const dlg_page *page, size_t index)
{
    const dlg_message *message = dlg_page_at(page, index);
    assert_non_null(message);
    return atoi(message->text);
}

static void walk_forwards(dlg_client *client, const struct pair *pair, int count, int limit)
{
    char cursor[DLG_CURSOR_SIZE] = "";
    int seen = 0, more;
    do {
        dlg_page *page = list_from(client, pair, limit, NULL, cursor);
        for (size_t i = 0; i < dlg_page_count(page); i++)
            assert_int_equal(number_at(page, i), ++seen);
        more = dlg_page_has_more(page);
        assert_int_equal(more, seen < count);
        assert_true(!more || (int)dlg_page_count(page) == limit);
        snprintf(cursor, sizeof cursor, "%s", dlg_page_after(page));
        dlg_page_free(page);
    } while (more);
    assert_int_equal(seen, count);
    if (count > 192) /* more than a cursor remembers may be shown again */
        return;
    dlg_page *page = list_from(client, pair, limit, NULL, cursor);
    assert_int_equal(dlg_page_count(page), 0);
    assert_false(dlg_page_has_more(page));
    dlg_page_free(page);
}

static void walk_backwards(dlg_client *client, const struct pair *pair, int count, int limit)
{
    char cursor[DLG_CURSOR_SIZE] = "";
    int left = count, more;
    do {
        dlg_page *page = list_from(client, pair, limit, cursor, NULL);
        for (size_t i = dlg_page_count(page); i-- > 0;)
            assert_int_equal(number_at(page, i), left--);
        more = dlg_page_has_more(page);
        assert_int_equal(more, left > 0);
        assert_true(!more || (int)dlg_page_count(page) == limit);
        snprintf(cursor, sizeof cursor, "%s", dlg_page_before(page));
        dlg_page_free(page);
    } while (more);
    assert_int_equal(left, 0);
    dlg_page *page = list_from(client, pair, limit, cursor, NULL);
    assert_int_equal(dlg_page_count(page), 0);
    dlg_page_free(page);
}

static void walk_all_limits(struct fixture *fixture, const char *time)
{
    static const int counts[] = {0, 1, 2, 20, 49, 50, 51};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct pair pair = dialog_make(fixture, counts[i], time);
        for (int limit = 1; limit <= counts[i] + 1; limit++) {
            walk_forwards(fixture->client, &pair, counts[i], limit);
            walk_backwards(fixture->client, &pair, counts[i], limit);
        }
    }
    static const int limits[] = {1000, 999, 500, 64, 7};
    struct pair pair = dialog_make(fixture, 1000, time);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        walk_forwards(fixture->client, &pair, 1000, limits[i]);
        walk_backwards(fixture->client, &pair, 1000, limits[i]);
    }
}

static void old_dialogs_are_walked_both_ways(void **state)
{
    walk_all_limits(*state, OLD);
}

static void recent_dialogs_are_walked_both_ways(void **state)
{
    walk_all_limits(*state, RECENT);
}

static void dialogs_of_one_moment_are_walked_both_ways(void **state)
{
    walk_all_limits(*state, ONE_TIME);
}

/* An id is one recipient's: the two halves of a dialog may have the same, even at the same time. */
static void equal_ids_in_both_halves_are_kept_apart(void **state)
{
    enum { COUNT = 20 };
    struct fixture *fixture = *state;
    struct pair pair = pair_new(), reversed = {pair.ben, pair.ann};
    sql_run(fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT (g + 1) / 2, "
            "CASE WHEN g %% 2 = 1 THEN first ELSE second END, CASE WHEN g %% 2 = 1 THEN second ELSE first END, g, "
            "'2024-01-01Z' FROM generate_series(1, %d) g, (SELECT least('%s'::uuid, '%s') AS first, "
            "greatest('%s'::uuid, '%s') AS second) pair",
            COUNT, uuid_text(&pair.ann), uuid_text(&pair.ben), uuid_text(&pair.ann), uuid_text(&pair.ben));
    for (int limit = 1; limit <= COUNT; limit++) {
        walk_forwards(fixture->client, &pair, COUNT, limit);
        walk_forwards(fixture->client, &reversed, COUNT, limit);
        walk_backwards(fixture->client, &pair, COUNT, limit);
        walk_backwards(fixture->client, &reversed, COUNT, limit);
    }
}

static void the_default_is_the_newest_50(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 120, OLD);
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    assert_ok(dlg_list(&page, fixture->client, &pair.ben, &pair.ann, NULL, &error), error);
    assert_int_equal(dlg_page_count(page), 50);
    assert_int_equal(number_at(page, 0), 71);
    assert_int_equal(number_at(page, 49), 120);
    assert_true(dlg_page_has_more(page));
    dlg_page_free(page);
}

/* Both ends of every page lead to its neighbours. */
static void one_may_turn_around_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 30, RECENT);
    for (int place = 1; place <= 20; place += 3) {
        dlg_page *start = list_from(fixture->client, &pair, place, NULL, "");
        dlg_page *next = list_from(fixture->client, &pair, 5, NULL, dlg_page_after(start));
        assert_int_equal(number_at(next, 0), place + 1);
        dlg_page *back = list_from(fixture->client, &pair, 5, dlg_page_before(next), NULL);
        assert_int_equal(number_at(back, dlg_page_count(back) - 1), place);
        dlg_page *again = list_from(fixture->client, &pair, 5, NULL, dlg_page_after(back));
        assert_int_equal(number_at(again, 0), place + 1);
        dlg_page_free(start);
        dlg_page_free(next);
        dlg_page_free(back);
        dlg_page_free(again);
    }
}

/* Nothing more after the newest, nothing more before the oldest: what comes back leads back. */
static void empty_pages_keep_the_place(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 10, RECENT);
    dlg_page *all = list_from(fixture->client, &pair, 50, NULL, "");
    dlg_page *end = list_from(fixture->client, &pair, 50, NULL, dlg_page_after(all));
    assert_int_equal(dlg_page_count(end), 0);
    dlg_page *back = list_from(fixture->client, &pair, 3, dlg_page_before(end), NULL);
    assert_int_equal(number_at(back, 2), 10);
    dlg_page *beginning = list_from(fixture->client, &pair, 50, dlg_page_before(all), NULL);
    assert_int_equal(dlg_page_count(beginning), 0);
    dlg_page *forth = list_from(fixture->client, &pair, 3, NULL, dlg_page_after(beginning));
    assert_int_equal(number_at(forth, 0), 1);
    dlg_page *const pages[] = {all, end, back, beginning, forth};
    for (int i = 0; i < 5; i++)
        dlg_page_free(pages[i]);
}

static void dates_without_end_are_ordered(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = pair_new();
    sql_run(
        fixture->sql,
        "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT g, '%s', '%s', g, "
        "('{-infinity,-infinity,4000-01-01 BC,0001-01-01,2024-01-01,290000-01-01,infinity,infinity}'::timestamptz[])[g]"
        " FROM generate_series(1, 8) g",
        uuid_text(&pair.ann), uuid_text(&pair.ben));
    for (int limit = 1; limit <= 8; limit++) {
        walk_forwards(fixture->client, &pair, 8, limit);
        walk_backwards(fixture->client, &pair, 8, limit);
    }
}

/* ---- Bad input ---- */

static int try_list(struct fixture *fixture, const struct pair *pair, int limit, const char *before, const char *after,
                    dlg_error **error)
{
    dlg_page *page = NULL;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = limit;
    options.before = before;
    options.after = after;
    int code = dlg_list(&page, fixture->client, &pair->ann, &pair->ben, &options, error);
    assert_true((code == DLG_OK) == (page != NULL));
    dlg_page_free(page);
    return code;
}

static void bad_options_are_refused(void **state)
{
    static const int limits[] = {0, -1, 1001, 1000000000, INT32_MIN};
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 3, OLD);
    dlg_page *page = NULL;
    dlg_error *error = NULL;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        assert_fails(try_list(fixture, &pair, limits[i], NULL, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(try_list(fixture, &pair, 5, "", "", &error), DLG_E_ARGUMENT, error);
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.version = 0;
    assert_fails(dlg_list(&page, fixture->client, &pair.ann, &pair.ben, &options, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_list(NULL, fixture->client, &pair.ann, &pair.ben, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_list(&page, fixture->client, NULL, &pair.ben, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_list(&page, fixture->client, &pair.ann, &(dlg_uuid){{0}}, NULL, &error), DLG_E_ARGUMENT, error);
    assert_fails(dlg_list(&page, NULL, &pair.ann, &pair.ben, NULL, &error), DLG_E_ARGUMENT, error);
}

static void cursors_are_good_for_their_dialog_only(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = dialog_make(fixture, 30, RECENT), other = dialog_make(fixture, 30, RECENT);
    dlg_error *error = NULL;
    dlg_page *page = list_from(fixture->client, &pair, 5, NULL, "");
    const char *cursor = dlg_page_after(page);
    assert_fails(try_list(fixture, &other, 5, NULL, cursor, &error), DLG_E_CURSOR, error);
    assert_fails(try_list(fixture, &other, 5, cursor, NULL, &error), DLG_E_CURSOR, error);
    struct pair reversed = {pair.ben, pair.ann}; /* the same dialog */
    assert_ok(try_list(fixture, &reversed, 5, NULL, cursor, &error), error);
    char forged[DLG_CURSOR_SIZE];
    for (size_t i = 0; cursor[i]; i++) {
        snprintf(forged, sizeof forged, "%s", cursor);
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        assert_fails(try_list(fixture, &pair, 5, NULL, forged, &error), DLG_E_CURSOR, error);
    }
    static const char *const nonsense[] = {" ", "x", "AAAA", "%00", "../../etc/passwd", "====", "\xff\xfe"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        assert_fails(try_list(fixture, &pair, 5, nonsense[i], NULL, &error), DLG_E_CURSOR, error);
    char huge[4096];
    memset(huge, 'A', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_fails(try_list(fixture, &pair, 5, huge, NULL, &error), DLG_E_CURSOR, error);
    dlg_page_free(page);
}

/* ---- Pages end by bytes ---- */

/* Texts of `bytes` that begin with their number, the two writing in turn. */
static struct pair long_dialog_make(struct fixture *fixture, int count, int bytes, const char *time)
{
    struct pair pair = pair_new();
    sql_run(fixture->sql,
            "INSERT INTO dialogs (id, user_id, to_user_id, text, create_date) SELECT g, "
            "CASE WHEN g %% 2 = 0 THEN ben ELSE ann END, CASE WHEN g %% 2 = 0 THEN ann ELSE ben END, "
            "rpad(g || ' ', %d, 'x'), %s FROM generate_series(1, %d) g, "
            "(SELECT '%s'::uuid AS ann, '%s'::uuid AS ben) pair",
            bytes, time, count, uuid_text(&pair.ann), uuid_text(&pair.ben));
    return pair;
}

static size_t page_bytes(const dlg_page *page)
{
    size_t bytes = 0;
    for (size_t i = 0; i < dlg_page_count(page); i++)
        bytes += dlg_page_at(page, i)->length;
    return bytes;
}

static void assert_bounded(const dlg_page *page)
{
    assert_true(page_bytes(page) <= DLG_PAGE_BYTES || dlg_page_count(page) == 1);
    assert_true(dlg_page_count(page) > 0 || !dlg_page_has_more(page));
}

/* Forwards and backwards, whatever the limit, no page has more, and no message is missing or seen twice. */
static void walk_long_dialog(dlg_client *client, const struct pair *pair, int count, int limit)
{
    char cursor[DLG_CURSOR_SIZE] = "";
    int seen = 0, more = 1;
    while (more) {
        dlg_page *page = list_from(client, pair, limit, NULL, cursor);
        assert_bounded(page);
        for (size_t i = 0; i < dlg_page_count(page); i++)
            assert_int_equal(number_at(page, i), ++seen);
        more = dlg_page_has_more(page);
        snprintf(cursor, sizeof cursor, "%s", dlg_page_after(page));
        dlg_page_free(page);
    }
    assert_int_equal(seen, count);
    for (more = 1, cursor[0] = '\0'; more;) {
        dlg_page *page = list_from(client, pair, limit, cursor, NULL);
        assert_bounded(page);
        for (size_t i = dlg_page_count(page); i-- > 0;)
            assert_int_equal(number_at(page, i), seen--);
        more = dlg_page_has_more(page);
        snprintf(cursor, sizeof cursor, "%s", dlg_page_before(page));
        dlg_page_free(page);
    }
    assert_int_equal(seen, 0);
}

static void pages_end_by_bytes(void **state)
{
    static const int limits[] = {1, 7, 50, 128, 129, 1000};
    struct fixture *fixture = *state;
    struct pair old = long_dialog_make(fixture, 40, 30000, OLD), mixed = long_dialog_make(fixture, 600, 700, OLD);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        walk_long_dialog(fixture->client, &old, 40, limits[i]);
        walk_long_dialog(fixture->client, &mixed, 600, limits[i]);
    }
}

/* Each text alone is more than a page: one at a time. */
static void a_text_longer_than_a_page_is_a_page(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = long_dialog_make(fixture, 5, DLG_PAGE_BYTES + 1, OLD);
    dlg_page *page = list_from(fixture->client, &pair, 1000, NULL, "");
    assert_int_equal(dlg_page_count(page), 1);
    assert_int_equal(page_bytes(page), DLG_PAGE_BYTES + 1);
    dlg_page_free(page);
    walk_long_dialog(fixture->client, &pair, 5, 1000);
    walk_long_dialog(fixture->client, &pair, 5, 50);
}

/* What the cursor has seen is read again while a writer is under way: it must not fill the page. */
static void what_was_seen_does_not_fill_a_page(void **state)
{
    struct fixture *fixture = *state;
    PGconn *writer = PQconnectdb(test_server_conninfo(fixture->server));
    sql_run(writer, "BEGIN");
    sql_run(writer,
            "INSERT INTO dialogs (user_id, to_user_id, text) VALUES (gen_random_uuid(), gen_random_uuid(), 'x')");
    struct pair pair = long_dialog_make(fixture, 60, 30000, "clock_timestamp() + g * interval '1 us'");
    walk_long_dialog(fixture->client, &pair, 60, 1000);
    walk_long_dialog(fixture->client, &pair, 60, 50);
    PQfinish(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_dialogs_are_walked_both_ways),
        cmocka_unit_test(recent_dialogs_are_walked_both_ways),
        cmocka_unit_test(dialogs_of_one_moment_are_walked_both_ways),
        cmocka_unit_test(equal_ids_in_both_halves_are_kept_apart),
        cmocka_unit_test(the_default_is_the_newest_50),
        cmocka_unit_test(one_may_turn_around_anywhere),
        cmocka_unit_test(empty_pages_keep_the_place),
        cmocka_unit_test(dates_without_end_are_ordered),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(cursors_are_good_for_their_dialog_only),
        cmocka_unit_test(pages_end_by_bytes),
        cmocka_unit_test(a_text_longer_than_a_page_is_a_page),
        cmocka_unit_test(what_was_seen_does_not_fill_a_page),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
