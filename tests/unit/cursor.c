#include "cursor.h"
#include "check.h"

#include <string.h>

static const dlg_uuid ann = {{1}}, ben = {{2}}, eve = {{3}};
enum { SECOND = 1000000 };
static const int64_t now_us = INT64_C(1790000000) * SECOND;

static void round_trips(void **state)
{
    (void)state;
    char text[DLG_CURSOR_SIZE];
    struct cursor cursor, back;
    cursor_at(&cursor, (struct position){now_us, 42, 1});
    cursor_write(&cursor, &ann, &ben, text);
    assert_true(cursor_read(&back, &ben, &ann, text));
    assert_int_equal(position_compare(back.at, cursor.at), 0);
    assert_int_equal(position_compare(back.horizon, cursor.horizon), 0);
    assert_int_equal(back.mark_count, 0);
    cursor_at(&cursor, POSITION_LAST);
    cursor_write(&cursor, &ann, &ben, text);
    assert_true(cursor_read(&back, &ann, &ben, text));
    assert_int_equal(position_compare(back.at, POSITION_LAST), 0);
}

static void refuses_other_dialogs_and_forgeries(void **state)
{
    (void)state;
    char text[DLG_CURSOR_SIZE], changed[DLG_CURSOR_SIZE];
    struct cursor cursor, back;
    cursor_at(&cursor, (struct position){now_us, 42, 1});
    cursor_write(&cursor, &ann, &ben, text);
    assert_false(cursor_read(&back, &ann, &eve, text));
    for (size_t i = 0; text[i]; i++) {
        memcpy(changed, text, sizeof text);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_false(cursor_read(&back, &ann, &ben, changed));
        memcpy(changed, text, sizeof text);
        changed[i] = '\0';
        assert_false(cursor_read(&back, &ann, &ben, changed));
    }
    assert_false(cursor_read(&back, &ann, &ben, "not a cursor"));
    assert_false(cursor_read(&back, &ann, &ben, "===="));
    memset(changed, 'A', sizeof changed - 1);
    changed[sizeof changed - 1] = '\0';
    assert_false(cursor_read(&back, &ann, &ben, changed));
}

static void an_old_place_has_no_horizon(void **state)
{
    (void)state;
    struct cursor cursor;
    cursor_at(&cursor, POSITION_FIRST);
    const struct position seen[] = {{now_us - 60 * SECOND, 1, 0}, {now_us - 30 * SECOND, 2, 0}};
    cursor_advance(&cursor, seen, 2, true, now_us - 15 * SECOND, CURSOR_MARKS);
    assert_int_equal(cursor.mark_count, 0);
    assert_int_equal(position_compare(cursor.at, seen[1]), 0);
    assert_int_equal(position_compare(cursor.horizon, seen[1]), 0);
}

static void a_new_place_remembers_what_was_seen(void **state)
{
    (void)state;
    char text[DLG_CURSOR_SIZE];
    struct cursor cursor, back;
    cursor_at(&cursor, POSITION_FIRST);
    const struct position seen[] = {{now_us - 60 * SECOND, 1, 0}, {now_us - 3 * SECOND, 2, 0}, {now_us - SECOND, 3, 0}};
    cursor_advance(&cursor, seen, 3, true, now_us - 15 * SECOND, CURSOR_MARKS);
    cursor_write(&cursor, &ann, &ben, text);
    assert_true(cursor_read(&back, &ann, &ben, text));
    const struct position late = {now_us - 5 * SECOND, 4, 0};
    assert_true(cursor_has_seen(&back, seen[1]));
    assert_true(cursor_has_seen(&back, seen[2]));
    assert_false(cursor_has_seen(&back, late));
    assert_true(back.horizon.created_us < now_us - 14 * SECOND); /* so that one stamped 5 s ago is found */

    /* A late one, older than the place: the place stays, and the late one is not shown again. */
    cursor_advance(&back, &late, 1, true, now_us - 14 * SECOND, CURSOR_MARKS);
    assert_int_equal(position_compare(back.at, seen[2]), 0);
    assert_true(cursor_has_seen(&back, late));
    assert_true(cursor_has_seen(&back, seen[1]));

    /* Time goes on: the horizon follows and marks before it go. */
    const struct position next = {now_us + 10 * SECOND, 5, 0};
    cursor_advance(&back, &next, 1, true, now_us - 2 * SECOND, CURSOR_MARKS);
    assert_false(cursor_has_seen(&back, seen[1]));
    assert_true(cursor_has_seen(&back, seen[2]));
    assert_true(cursor_has_seen(&back, next));
}

static void a_crowd_raises_the_horizon(void **state)
{
    (void)state;
    char text[DLG_CURSOR_SIZE];
    struct position seen[1000];
    for (int i = 0; i < 1000; i++)
        seen[i] = (struct position){now_us - 10 * SECOND + i * 5000, (int64_t)i * 77777 + 1, i % 2};
    struct cursor cursor, back;
    cursor_at(&cursor, POSITION_FIRST);
    cursor_advance(&cursor, seen, 1000, true, now_us - 15 * SECOND, CURSOR_MARKS);
    cursor_write(&cursor, &ann, &ben, text);
    assert_true(strlen(text) < DLG_CURSOR_SIZE);
    assert_true(cursor_read(&back, &ann, &ben, text));
    /* Nothing is lost and nothing is shown twice: each is before the horizon or marked. */
    for (int i = 0; i < 1000; i++)
        assert_true(position_compare(seen[i], back.horizon) <= 0 || cursor_has_seen(&back, seen[i]));
    assert_true(back.mark_count > 0);
    assert_int_equal(position_compare(back.at, seen[999]), 0);
}

static void equal_times_are_kept_apart(void **state)
{
    (void)state;
    struct position seen[100];
    for (int i = 0; i < 100; i++)
        seen[i] = (struct position){now_us, i + 1, 0};
    struct cursor cursor;
    cursor_at(&cursor, POSITION_FIRST);
    cursor_advance(&cursor, seen, 100, false, now_us - 15 * SECOND, CURSOR_MARKS);
    for (int i = 0; i < 100; i++)
        assert_true(position_compare(seen[i], cursor.horizon) <= 0 || cursor_has_seen(&cursor, seen[i]));
    assert_true(position_compare(cursor.horizon, (struct position){now_us, 101, 0}) <
                0); /* the next is still to come */
}

/* More late messages than one page has: the rest is not forgotten, however late it is asked for. */
static void unread_late_ones_hold_the_horizon(void **state)
{
    (void)state;
    struct cursor cursor;
    cursor_at(&cursor, POSITION_FIRST);
    const struct position newest = {now_us, 1, 0};
    cursor_advance(&cursor, &newest, 1, true, now_us - 15 * SECOND, CURSOR_MARKS);
    struct position late[100];
    for (int i = 0; i < 100; i++)
        late[i] = (struct position){now_us - 10 * SECOND + i * 1000, i + 2, 0};
    cursor_advance(&cursor, late, 50, false, now_us + 60 * SECOND, CURSOR_MARKS);
    for (int i = 0; i < 50; i++)
        assert_true(position_compare(late[i], cursor.horizon) <= 0 || cursor_has_seen(&cursor, late[i]));
    for (int i = 50; i < 100; i++)
        assert_true(position_compare(late[i], cursor.horizon) > 0 && !cursor_has_seen(&cursor, late[i]));
    assert_true(cursor_has_seen(&cursor, newest));
}

/* Seen by other means: each is marked, the horizon stays until there is no room. */
static void what_was_seen_otherwise_is_marked(void **state)
{
    (void)state;
    struct cursor cursor;
    cursor_at(&cursor, (struct position){now_us, 1, 0});
    struct position seen[200];
    for (int i = 0; i < 200; i++)
        seen[i] = (struct position){now_us + (i * 7919) % 200 * 1000 + 1, i + 1, i % 2};
    for (int i = 0; i < CURSOR_FEED_MARKS; i++)
        cursor_mark(&cursor, seen[i], CURSOR_FEED_MARKS);
    assert_int_equal(position_compare(cursor.horizon, (struct position){now_us, 1, 0}), 0);
    assert_int_equal(cursor.mark_count, CURSOR_FEED_MARKS);
    for (int i = CURSOR_FEED_MARKS; i < 200; i++)
        cursor_mark(&cursor, seen[i], CURSOR_FEED_MARKS);
    for (int i = 0; i < 200; i++)
        assert_true(position_compare(seen[i], cursor.horizon) <= 0 || cursor_has_seen(&cursor, seen[i]));
    assert_int_equal(cursor.at.created_us, now_us + 199 * 1000 + 1);
    char text[DLG_CURSOR_SIZE];
    struct cursor back;
    cursor_write(&cursor, &ann, &ben, text);
    assert_true(cursor_read(&back, &ann, &ben, text));
    assert_int_equal(back.mark_count, cursor.mark_count);
}

static void places_have_neighbours(void **state)
{
    (void)state;
    static const struct position places[] = {{5, 7, 0}, {5, 7, 1}, {5, -1, 0}, {5, 0, 1}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_true(position_compare(position_before(places[i]), places[i]) < 0);
        assert_true(position_compare(position_after(places[i]), places[i]) > 0);
        assert_int_equal(position_compare(position_after(position_before(places[i])), places[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(refuses_other_dialogs_and_forgeries),
        cmocka_unit_test(an_old_place_has_no_horizon),
        cmocka_unit_test(a_new_place_remembers_what_was_seen),
        cmocka_unit_test(a_crowd_raises_the_horizon),
        cmocka_unit_test(equal_times_are_kept_apart),
        cmocka_unit_test(unread_late_ones_hold_the_horizon),
        cmocka_unit_test(what_was_seen_otherwise_is_marked),
        cmocka_unit_test(places_have_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
