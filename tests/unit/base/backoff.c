/* The pause before something that failed is tried again. */
#include "check.h"

#include "base/backoff.h"

static void the_pause_doubles_up_to_its_limit(void **state)
{
    (void)state;
    static const int64_t expected[] = {0, 50, 100, 200, 400, 800, 1000, 1000};
    for (unsigned failures = 0; failures < sizeof expected / sizeof *expected; failures++) {
        for (int i = 0; i < 100; i++) {
            int64_t pause = backoff_us(failures, 50, 1000);
            assert_in_range(pause, expected[failures] / 2, expected[failures]);
        }
    }
}

static void very_many_failures_do_not_overflow(void **state)
{
    (void)state;
    assert_in_range(backoff_us(4000000000u, 1, INT64_C(600000000)), INT64_C(300000000), INT64_C(600000000));
}

static void clients_do_not_come_back_together(void **state)
{
    (void)state;
    int64_t first = backoff_us(10, 1000, 1000000);
    int different = 0;
    for (int i = 0; i < 100; i++)
        different += backoff_us(10, 1000, 1000000) != first;
    assert_true(different > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pause_doubles_up_to_its_limit),
        cmocka_unit_test(very_many_failures_do_not_overflow),
        cmocka_unit_test(clients_do_not_come_back_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
