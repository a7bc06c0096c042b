#include "dialogs/sketch.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 16384, ROUNDS = 20 };

static uint64_t elements[MANY];

/* xorshift64: the same elements in every run. */
static uint64_t chance(void)
{
    static uint64_t state = UINT64_C(88172645463325252);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void elements_make(void)
{
    for (size_t i = 0; i < MANY; i++)
        elements[i] = chance() >> (64 - SKETCH_BITS) | 1;
}

static bool open_all(uint64_t *cells, size_t *count, uint64_t *found)
{
    static uint64_t sorted[MANY];
    memcpy(sorted, elements, sizeof sorted);
    qsort(sorted, MANY, sizeof *sorted, sketch_compare);
    bool told = sketch_open(cells, sorted, MANY, found, count);
    qsort(found, *count, sizeof *found, sketch_compare);
    return told;
}

/* However large the sets are: their difference is found as long as it has no more elements than there are cells. */
static void a_difference_is_found(void **state)
{
    (void)state;
    for (size_t difference = 0; difference <= SKETCH_CELLS - 2; difference += 10) {
        for (int round = 0; round < ROUNDS; round++) {
            uint64_t cells[SKETCH_CELLS] = {0}, found[SKETCH_CELLS], expected[SKETCH_CELLS];
            size_t count;
            elements_make();
            for (size_t i = difference; i < MANY; i++) /* one set */
                sketch_toggle(cells, elements[i]);
            for (size_t i = 0; i < MANY; i++) /* and the other */
                sketch_toggle(cells, elements[i]);
            assert_true(open_all(cells, &count, found));
            assert_int_equal(count, difference);
            memcpy(expected, elements, difference * sizeof *expected);
            qsort(expected, difference, sizeof *expected, sketch_compare);
            assert_memory_equal(found, expected, difference * sizeof *found);
        }
    }
}

static void too_great_a_difference_is_not_guessed(void **state)
{
    (void)state;
    for (size_t difference = SKETCH_CELLS + 1; difference < 2000; difference = difference * 5 / 4) {
        uint64_t cells[SKETCH_CELLS] = {0}, found[SKETCH_CELLS];
        size_t count;
        elements_make();
        for (size_t i = 0; i < difference; i++)
            sketch_toggle(cells, elements[i]);
        assert_false(open_all(cells, &count, found));
    }
}

/* A few that have left the set, and so cannot be named, do not hide those that have come to it. */
static void what_has_left_is_passed_over(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t cells[SKETCH_CELLS] = {0}, found[SKETCH_CELLS];
        size_t count;
        elements_make();
        for (int i = 0; i < 3; i++)
            sketch_toggle(cells, (chance() >> (64 - SKETCH_BITS)) & ~UINT64_C(1)); /* even: none of ours */
        for (size_t i = 0; i < 3; i++)
            sketch_toggle(cells, elements[i]);
        assert_true(open_all(cells, &count, found));
        assert_int_equal(count, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_is_found),
        cmocka_unit_test(too_great_a_difference_is_not_guessed),
        cmocka_unit_test(what_has_left_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
