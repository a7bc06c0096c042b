#include "dialogs/cursor.h"
#include "check.h"

#include <stdlib.h>
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

/* Whether the cursor takes the message for seen, of these that the database shows after the horizon. */
static bool has_seen(const struct cursor *cursor, const struct position *shown, size_t count, struct position which)
{
    size_t known_count, within = 0;
    struct position *ours = calloc(count + 1, sizeof *ours), *known = calloc(count + 1, sizeof *known);
    for (size_t i = 0; i < count; i++)
        if (position_compare(shown[i], cursor->horizon) > 0 && position_compare(shown[i], cursor->at) <= 0)
            ours[within++] = shown[i];
    assert_true(cursor_tell(cursor, ours, within, known, &known_count));
    bool seen = false;
    for (size_t i = 0; i < known_count; i++)
        seen |= position_compare(known[i], which) == 0;
    free(ours);
    free(known);
    return seen;
}

/* Seen, or before the horizon, so that it is not shown again. */
static bool is_settled(const struct cursor *cursor, const struct position *shown, size_t count, struct position which)
{
    return position_compare(which, cursor->horizon) <= 0 || has_seen(cursor, shown, count, which);
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
    assert_true(has_seen(&back, all, 4, seen[1]));
    assert_true(has_seen(&back, all, 4, seen[2]));
    assert_false(has_seen(&back, all, 4, late));
    assert_true(back.horizon.created_us < now_us - 14 * SECOND); /* so that one stamped 5 s ago is found */

    /* A late one, older than the place: the place stays, and the late one is not shown again. */
    const struct position known[] = {seen[1], seen[2]}, three[] = {late, seen[1], seen[2]};
    cursor_advance(&back, known, 2, &late, 1, true, now_us - 14 * SECOND);
    assert_int_equal(position_compare(back.at, seen[2]), 0);
    assert_true(has_seen(&back, all, 4, late));
    assert_true(has_seen(&back, all, 4, seen[1]));

    /* Time goes on: the horizon follows, and what is before it goes. */
    cursor_advance(&back, three, 3, &next, 1, true, now_us - 2 * SECOND);
    assert_int_equal(back.count, 2);
    assert_true(has_seen(&back, all, 5, seen[2]));
    assert_true(has_seen(&back, all, 5, next));
}

static void crowd_make(struct position *crowd, int count)
{
    for (int i = 0; i < count; i++)
        crowd[i] = (struct position){now_us - 10 * SECOND + i * 1000, (int64_t)i * 77777 + 1, i % 2};
}

/* Of more than there is room for by name: those that come late are told from those that were seen. */
static void a_crowd_is_remembered_as_a_sketch(void **state)
{
    (void)state;
    enum { COUNT = 5000, LATE = 150 };
    static struct position crowd[COUNT], first[COUNT], late[LATE], known[COUNT];
    char text[DLG_CURSOR_SIZE];
    size_t seen_count = 0, late_count = 0, known_count;
    crowd_make(crowd, COUNT);
    for (int i = 0; i < COUNT; i++) {
        if (i % 33 == 7 && late_count < LATE)
            late[late_count++] = crowd[i];
        else
            first[seen_count++] = crowd[i];
    }
    struct cursor cursor, back;
    cursor_at(&cursor, (struct position){now_us - 15 * SECOND, 1, 0});
    for (size_t i = 0; i < seen_count; i++)
        cursor_add(&cursor, first[i]);
    assert_true(cursor_is_sketch(&cursor));
    cursor_write(&cursor, &ann, &ben, text);
    assert_true(strlen(text) < DLG_CURSOR_SIZE);
    assert_true(cursor_read(&back, &ann, &ben, text));
    assert_true(cursor_tell(&back, crowd, COUNT, known, &known_count));
    assert_int_equal(known_count, seen_count);
    assert_memory_equal(known, first, seen_count * sizeof *known);

    /* Shown now, they are seen, too. Then time goes on, and what is left fits by name again. */
    cursor_advance(&back, first, seen_count, late, LATE, true, now_us - 15 * SECOND);
    assert_true(cursor_tell(&back, crowd, COUNT, known, &known_count));
    assert_int_equal(known_count, COUNT);
    const struct position next = {now_us + SECOND, 1, 0};
    cursor_advance(&back, crowd, COUNT, &next, 1, true, crowd[COUNT - 101].created_us);
    assert_false(cursor_is_sketch(&back));
    assert_int_equal(back.count, 101);
}

static void what_cannot_be_told_is_not_guessed(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct position crowd[COUNT], known[COUNT];
    size_t known_count;
    struct cursor cursor;
    crowd_make(crowd, COUNT);
    cursor_at(&cursor, (struct position){now_us - 15 * SECOND, 1, 0});
    for (int i = 0; i < COUNT; i += 2)
        cursor_add(&cursor, crowd[i]);
    assert_false(cursor_tell(&cursor, crowd, COUNT, known, &known_count));
}

/* There is an end to how many are remembered: the oldest are given up, and none is shown again. */
static void the_oldest_of_too_many_are_given_up(void **state)
{
    (void)state;
    enum { COUNT = CURSOR_SEEN + 500 };
    static struct position crowd[COUNT];
    struct cursor cursor;
    crowd_make(crowd, COUNT);
    cursor_at(&cursor, (struct position){now_us - 15 * SECOND, 1, 0});
    cursor_learn(&cursor, crowd, CURSOR_SEEN);
    cursor.at = crowd[CURSOR_SEEN - 1];
    cursor_advance(&cursor, crowd, CURSOR_SEEN, crowd + CURSOR_SEEN, 500, true, now_us - 15 * SECOND);
    assert_int_equal(cursor.count, CURSOR_SEEN);
    assert_int_equal(position_compare(cursor.horizon, crowd[499]), 0);
    for (int i = 0; i < COUNT; i += 501)
        assert_true(is_settled(&cursor, crowd, COUNT, crowd[i]));
    for (int i = 0; i < 2 * CURSOR_SEEN; i++)
        cursor_add(&cursor, (struct position){now_us + i, i + 1, 0});
    assert_true(cursor.count < CURSOR_SEEN_MOST);
    assert_int_equal(position_compare(cursor.at, (struct position){now_us + 2 * CURSOR_SEEN - 1, 2 * CURSOR_SEEN, 0}),
                     0);
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
        assert_true(is_settled(&cursor, seen, 100, seen[i]));
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
        assert_true(is_settled(&cursor, all, 101, all[i]));
    for (int i = 50; i < 100; i++)
        assert_false(is_settled(&cursor, all, 101, all[i]));
    assert_true(has_seen(&cursor, all, 101, all[100]));
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
        assert_true(has_seen(&cursor, seen, 150, seen[i]));
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
        cmocka_unit_test(a_crowd_is_remembered_as_a_sketch),
        cmocka_unit_test(what_cannot_be_told_is_not_guessed),
        cmocka_unit_test(the_oldest_of_too_many_are_given_up),
        cmocka_unit_test(equal_times_are_kept_apart),
        cmocka_unit_test(unread_late_ones_hold_the_horizon),
        cmocka_unit_test(what_was_seen_otherwise_is_remembered),
        cmocka_unit_test(places_have_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
