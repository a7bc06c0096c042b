#include "dialogs/cursor.h"
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
    assert_int_equal(back.count, 0);
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

/* Whether the cursor takes the message for seen. */
static bool has_seen(const struct cursor *cursor, struct position which)
{
    return position_compare(which, cursor->horizon) > 0 && cursor_has(cursor, which);
}

/* Seen, or before the horizon, so that it is not shown again. */
static bool is_settled(const struct cursor *cursor, struct position which)
{
    return position_compare(which, cursor->horizon) <= 0 || has_seen(cursor, which);
}

static void an_old_place_has_no_horizon(void **state)
{
    (void)state;
    struct cursor cursor;
    cursor_at(&cursor, POSITION_FIRST);
    const struct position seen[] = {{now_us - 60 * SECOND, 1, 0}, {now_us - 30 * SECOND, 2, 0}};
    cursor_advance(&cursor, NULL, 0, seen, 2, true, now_us - 15 * SECOND);
    assert_int_equal(cursor.count, 0);
    assert_int_equal(position_compare(cursor.at, seen[1]), 0);
    assert_int_equal(position_compare(cursor.horizon, seen[1]), 0);
}

static void a_new_place_remembers_what_was_seen(void **state)
{
    (void)state;
    char text[DLG_CURSOR_SIZE];
    struct cursor cursor, back;
    cursor_at(&cursor, POSITION_FIRST);
    const struct position late = {now_us - 5 * SECOND, 4, 0}, next = {now_us + 10 * SECOND, 5, 0};
    const struct position all[] = {
        {now_us - 60 * SECOND, 1, 0}, late, {now_us - 3 * SECOND, 2, 0}, {now_us - SECOND, 3, 0}, next};
    const struct position seen[] = {all[0], all[2], all[3]};
    cursor_advance(&cursor, NULL, 0, seen, 3, true, now_us - 15 * SECOND);
    cursor_write(&cursor, &ann, &ben, text);
    assert_true(cursor_read(&back, &ann, &ben, text));
    assert_true(has_seen(&back, seen[1]));
    assert_true(has_seen(&back, seen[2]));
    assert_false(has_seen(&back, late));
    assert_true(back.horizon.created_us < now_us - 14 * SECOND); /* so that one stamped 5 s ago is found */

    /* A late one, older than the place: the place stays, and the late one is not shown again. */
    const struct position known[] = {seen[1], seen[2]}, three[] = {late, seen[1], seen[2]};
    cursor_advance(&back, known, 2, &late, 1, true, now_us - 14 * SECOND);
    assert_int_equal(position_compare(back.at, seen[2]), 0);
    assert_true(has_seen(&back, late));
    assert_true(has_seen(&back, seen[1]));

    /* Time goes on: the horizon follows, and what is before it goes. */
    cursor_advance(&back, three, 3, &next, 1, true, now_us - 2 * SECOND);
    assert_int_equal(back.count, 2);
    assert_true(has_seen(&back, seen[2]));
    assert_true(has_seen(&back, next));
}

/* In calm it is short, and never longer than its room. */
static void a_text_is_short(void **state)
{
    (void)state;
    static const struct {
        size_t seen, length;
    } sizes[] = {{0, 60}, {10, 120}, {20, 190}, {CURSOR_SEEN, DLG_CURSOR_SIZE - 1}, {CURSOR_SEEN + 1, 90}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[DLG_CURSOR_SIZE];
        struct position seen[CURSOR_SEEN + 1];
        struct cursor cursor, back;
        for (size_t k = 0; k < sizes[i].seen; k++)
            seen[k] = (struct position){now_us + (int64_t)k * 1000, (int64_t)k + 1, k % 2};
        cursor_at(&cursor, (struct position){now_us - 60 * SECOND, 9, 1});
        cursor.at = (struct position){now_us - 5 * SECOND, 8, 0};
        cursor_advance(&cursor, NULL, 0, seen, sizes[i].seen, true, now_us - 3 * SECOND);
        cursor_write(&cursor, &ann, &ben, text);
        assert_true(strlen(text) <= sizes[i].length);
        assert_true(cursor_read(&back, &ann, &ben, text));
        assert_int_equal(back.count, cursor.count);
        assert_int_equal(position_compare(back.at, cursor.at), 0);
        assert_int_equal(position_compare(back.horizon, cursor.horizon), 0);
        assert_int_equal(position_compare(back.blurred, cursor.blurred), 0);
    }
}

static void crowd_make(struct position *crowd, int count)
{
    for (int i = 0; i < count; i++)
        crowd[i] = (struct position){now_us - 10 * SECOND + i * 1000, (int64_t)i * 77777 + 1, i % 2};
}

/* More than there is room for: reading goes on, and when all of it is visible it is shown again. */
static void a_crowd_is_shown_again_when_it_is_settled(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static struct position crowd[COUNT];
    const struct position before = {now_us - 15 * SECOND, INT64_MAX, 1};
    struct cursor cursor;
    struct position until;
    crowd_make(crowd, COUNT);
    cursor_at(&cursor, before);
    cursor_advance(&cursor, NULL, 0, crowd, COUNT - 50, false, before.created_us);
    assert_int_equal(position_compare(cursor_resume(&cursor, before.created_us, &until), crowd[COUNT - 51]), 0);
    cursor_advance(&cursor, NULL, 0, crowd + COUNT - 50, 50, true, before.created_us);
    assert_int_equal(position_compare(cursor.horizon, before), 0);
    assert_int_equal(position_compare(until, POSITION_LAST), 0);
    for (int i = COUNT - 50; i < COUNT; i++)
        assert_true(has_seen(&cursor, crowd[i]));

    /* As the watermark comes, up to it. */
    assert_int_equal(position_compare(cursor_resume(&cursor, crowd[300].created_us, &until), before), 0);
    assert_int_equal(position_compare(until, position_until(crowd[300].created_us)), 0);
    cursor_advance_again(&cursor, until);
    assert_int_equal(position_compare(cursor_resume(&cursor, crowd[300].created_us, &until), crowd[COUNT - 51]), 0);

    /* Then all of it; of what was seen since nothing is shown again. */
    cursor_resume(&cursor, crowd[COUNT - 40].created_us, &until);
    assert_int_equal(position_compare(until, crowd[COUNT - 51]), 0);
    cursor_advance_again(&cursor, until);
    assert_int_equal(position_compare(cursor_resume(&cursor, now_us, &until), cursor.horizon), 0);
    assert_int_equal(position_compare(until, POSITION_LAST), 0);
    assert_int_equal(cursor.count, 50);
    cursor_advance(&cursor, crowd + COUNT - 50, 50, NULL, 0, true, crowd[COUNT - 40].created_us);
    assert_int_equal(cursor.count, 39);
    for (int i = 0; i < COUNT; i++)
        assert_true(is_settled(&cursor, crowd[i]));
}

/* Full while messages lie before those that were seen by other means: these are not hidden. */
static void what_was_not_shown_is_not_blurred(void **state)
{
    (void)state;
    enum { COUNT = 250 };
    static struct position crowd[COUNT];
    struct cursor cursor;
    struct position until;
    crowd_make(crowd, COUNT);
    cursor_at(&cursor, (struct position){now_us - 15 * SECOND, 1, 0});
    struct position *told = crowd + COUNT - CURSOR_SEEN + 10;
    for (int i = 0; i < CURSOR_SEEN - 10; i++)
        assert_true(cursor_add(&cursor, told[i]));
    cursor_advance(&cursor, NULL, 0, crowd, 20, false, INT64_MIN);
    assert_int_equal(position_compare(cursor_resume(&cursor, INT64_MIN, &until), crowd[19]), 0);
    for (int i = 20; i < COUNT; i++)
        assert_int_equal(cursor_has(&cursor, crowd[i]), crowd + i >= told);
}

/* Whoever walks through a dialog, however slowly, is shown nothing twice before the end. */
static void a_walk_goes_on(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static struct position crowd[COUNT];
    struct cursor cursor;
    struct position until;
    crowd_make(crowd, COUNT);
    cursor_at(&cursor, POSITION_FIRST);
    cursor_advance(&cursor, NULL, 0, crowd, 250, false, INT64_MIN);
    assert_int_equal(position_compare(cursor_resume(&cursor, now_us, &until), crowd[249]), 0);
    cursor_advance(&cursor, NULL, 0, crowd + 250, 250, true, now_us);
    assert_int_equal(cursor_resume(&cursor, now_us, &until).created_us, INT64_MIN);
}

/* By other means no more are taken than there is room for, and nothing that was told is forgotten. */
static void a_full_cursor_takes_no_more(void **state)
{
    (void)state;
    struct cursor cursor;
    cursor_at(&cursor, (struct position){now_us, 1, 0});
    for (int i = 0; i < CURSOR_SEEN; i++)
        assert_true(cursor_add(&cursor, (struct position){now_us + i, i + 2, 0}));
    assert_false(cursor_add(&cursor, (struct position){now_us + 1000, 1, 0}));
    assert_true(cursor_add(&cursor, (struct position){now_us + 7, 9, 0})); /* known */
    assert_int_equal(cursor.count, CURSOR_SEEN);
    assert_int_equal(cursor.at.created_us, now_us + CURSOR_SEEN - 1);
}

static void equal_times_are_kept_apart(void **state)
{
    (void)state;
    struct position seen[100];
    for (int i = 0; i < 100; i++)
        seen[i] = (struct position){now_us, i + 1, 0};
    struct cursor cursor;
    cursor_at(&cursor, POSITION_FIRST);
    cursor_advance(&cursor, NULL, 0, seen, 100, false, now_us - 15 * SECOND);
    for (int i = 0; i < 100; i++)
        assert_true(is_settled(&cursor, seen[i]));
    assert_true(position_compare(cursor.horizon, (struct position){now_us, 101, 0}) <
                0); /* the next is still to come */
}

/* More late messages than one page has: the rest is not forgotten, however late it is asked for. */
static void unread_late_ones_hold_the_horizon(void **state)
{
    (void)state;
    struct cursor cursor;
    cursor_at(&cursor, POSITION_FIRST);
    struct position all[101];
    for (int i = 0; i < 100; i++)
        all[i] = (struct position){now_us - 10 * SECOND + i * 1000, i + 2, 0};
    all[100] = (struct position){now_us, 1, 0};
    cursor_advance(&cursor, NULL, 0, all + 100, 1, true, now_us - 15 * SECOND);
    cursor_advance(&cursor, all + 100, 1, all, 50, false, now_us + 60 * SECOND);
    for (int i = 0; i < 50; i++)
        assert_true(is_settled(&cursor, all[i]));
    for (int i = 50; i < 100; i++)
        assert_false(is_settled(&cursor, all[i]));
    assert_true(has_seen(&cursor, all[100]));
}

/* Seen by other means: each is remembered, once, and the horizon stays. */
static void what_was_seen_otherwise_is_remembered(void **state)
{
    (void)state;
    struct cursor cursor;
    cursor_at(&cursor, (struct position){now_us, 1, 0});
    struct position seen[150];
    for (int i = 0; i < 150; i++)
        seen[i] = (struct position){now_us + (i * 7919) % 150 * 1000 + 1, i + 1, i % 2};
    for (int twice = 0; twice < 2; twice++)
        for (int i = 0; i < 150; i++)
            cursor_add(&cursor, seen[i]);
    assert_int_equal(position_compare(cursor.horizon, (struct position){now_us, 1, 0}), 0);
    assert_int_equal(cursor.count, 150);
    for (int i = 0; i < 150; i++)
        assert_true(has_seen(&cursor, seen[i]));
    assert_int_equal(cursor.at.created_us, now_us + 149 * 1000 + 1);
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
        cmocka_unit_test(a_text_is_short),
        cmocka_unit_test(a_crowd_is_shown_again_when_it_is_settled),
        cmocka_unit_test(what_was_not_shown_is_not_blurred),
        cmocka_unit_test(a_walk_goes_on),
        cmocka_unit_test(a_full_cursor_takes_no_more),
        cmocka_unit_test(equal_times_are_kept_apart),
        cmocka_unit_test(unread_late_ones_hold_the_horizon),
        cmocka_unit_test(what_was_seen_otherwise_is_remembered),
        cmocka_unit_test(places_have_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
