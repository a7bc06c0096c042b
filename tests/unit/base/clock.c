#include "base/clock.h"
#include "check.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 4, READINGS = 20000 };

struct reader {
    struct clock *clock;
    int64_t *readings;
};

static void *read_many(void *argument)
{
    struct reader *reader = argument;
    for (int i = 0; i < READINGS; i++)
        reader->readings[i] = clock_next(reader->clock);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void readings_are_unique_and_rise(void **state)
{
    (void)state;
    static int64_t all[THREADS * READINGS];
    struct clock clock = {0};
    pthread_t threads[THREADS];
    struct reader readers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){&clock, all + i * READINGS};
        pthread_create(&threads[i], NULL, read_many, &readers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        for (int j = 1; j < READINGS; j++)
            assert_true(readers[i].readings[j - 1] < readers[i].readings[j]);
    qsort(all, THREADS * READINGS, sizeof *all, compare);
    for (int i = 1; i < THREADS * READINGS; i++)
        assert_true(all[i - 1] < all[i]);
}

/* Each is later than the one before: they may be the stamps of a batch. */
static void the_floor_is_behind_what_was_seen(void **state)
{
    (void)state;
    struct clock clock = {0};
    int64_t server = clock_wall_us() + INT64_C(3600000000); /* what this machine's clock says is no matter */
    clock_calibrate(&clock, server);
    clock_observe(&clock, server + 30000000);
    assert_int_equal(clock_floor(&clock), server + 30000001);
    clock_observe(&clock, 1);
    assert_int_equal(clock_floor(&clock), server + 30000002);
    /* A row from the year 3000 does not take the floor along. */
    clock_observe(&clock, INT64_C(32503680000000000));
    assert_int_equal(clock_floor(&clock), server + 30000003);
}

static void knows_the_servers_time(void **state)
{
    (void)state;
    struct clock clock = {0};
    int64_t server = INT64_C(1000000000000000);
    clock_calibrate(&clock, server);
    int64_t now = clock_server_us(&clock);
    assert_true(now >= server && now < server + 5000000);
}

static void ids_are_positive_and_ordered_by_time(void **state)
{
    (void)state;
    int64_t now = clock_wall_us();
    for (int i = 0; i < 1000; i++) {
        assert_true(clock_id(now + i) > 0);
        assert_true(clock_id(now + i) < clock_id(now + i + 1));
    }
    assert_true(clock_id(0) > 0);
    assert_true(clock_id(INT64_C(3800000000000000)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_are_unique_and_rise),
        cmocka_unit_test(the_floor_is_behind_what_was_seen),
        cmocka_unit_test(knows_the_servers_time),
        cmocka_unit_test(ids_are_positive_and_ordered_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
