#include "guard/rate_limit.h"

#include "check.h"

#include <sodium.h>
#include <stdio.h>

enum { LIMIT = 10 };

static struct rate_limit limit;
static const int64_t second_us = 1000000;

static int open_limit(void **state)
{
    (void)state;
    static const struct rate_limit none;
    const int64_t limits[RATE_KINDS] = {[RATE_LOGIN_PLACE] = LIMIT, [RATE_LOGIN_PLACE_HOUR] = LIMIT, [RATE_SEND] = 1};
    limit = none;
    rate_limit_open(&limit, limits);
    return sodium_init() < 0;
}

static int close_limit(void **state)
{
    (void)state;
    rate_limit_close(&limit);
    return 0;
}

static void count(enum rate_limit_kind kind, const char *whose, int64_t more, int64_t now_us)
{
    rate_limit_count(&limit, kind, whose, more, now_us);
}

static int wait_s(enum rate_limit_kind kind, const char *whose, int64_t now_us)
{
    return rate_limit_wait_s(&limit, kind, whose, now_us);
}

static void a_window_of_each_kind(void **state)
{
    (void)state;
    static const struct {
        enum rate_limit_kind kind;
        int seconds;
    } windows[] = {{RATE_LOGIN_PLACE, 60}, {RATE_LOGIN_PLACE_HOUR, 3600}};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        enum rate_limit_kind kind = windows[i].kind;
        int64_t end_us = windows[i].seconds * second_us;
        count(kind, "ann", LIMIT - 1, 0);
        assert_int_equal(wait_s(kind, "ann", second_us), 0);
        count(kind, "ann", 1, second_us);
        assert_int_equal(wait_s(kind, "ann", second_us), windows[i].seconds);
        assert_int_equal(wait_s(kind, "ben", second_us), 0);
        assert_true(wait_s(kind, "ann", end_us - 1) > 0);
        assert_int_equal(wait_s(kind, "ann", end_us), 0);
    }
    assert_int_equal(wait_s(RATE_LOGIN_USER, "ann", 0), 0); /* without a limit nothing is counted */
    count(RATE_LOGIN_USER, "ann", 1000, 0);
    assert_int_equal(wait_s(RATE_LOGIN_USER, "ann", 0), 0);
}

static void a_right_password_is_taken_back(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * LIMIT; i++) {
        count(RATE_LOGIN_PLACE, "ann", 1, 0);
        count(RATE_LOGIN_PLACE, "ann", -1, 0);
    }
    assert_int_equal(wait_s(RATE_LOGIN_PLACE, "ann", 0), 0);
    count(RATE_LOGIN_PLACE, "ann", -1, 0); /* nor does it give credit */
    count(RATE_LOGIN_PLACE, "ann", LIMIT, 0);
    assert_true(wait_s(RATE_LOGIN_PLACE, "ann", 0) > 0);
}

/* A million names, ten times what there is room for, and nobody who is at the limit, or near it, gets a new start. */
static void many_names_do_not_drive_out_those_who_try_often(void **state)
{
    (void)state;
    enum { FEW = 200, MANY = 1000000 };
    char name[RATE_NAME_SIZE];
    for (int i = 0; i < FEW; i++) {
        snprintf(name, sizeof name, "often %d", i);
        count(RATE_LOGIN_PLACE, name, i % 2 ? LIMIT : LIMIT - 1, 0);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "once %d", i);
        count(RATE_LOGIN_PLACE, name, 1, second_us + i);
    }
    for (int i = 0; i < FEW; i++) {
        snprintf(name, sizeof name, "often %d", i);
        if (i % 2 == 0)
            count(RATE_LOGIN_PLACE, name, 1, 3 * second_us);
        assert_int_equal(wait_s(RATE_LOGIN_PLACE, name, 3 * second_us), 58);
    }
}

static void one_kind_does_not_drive_out_another(void **state)
{
    (void)state;
    char name[RATE_NAME_SIZE];
    count(RATE_SEND, "ann", 1, 0);
    for (int i = 0; i < 1000000; i++) {
        snprintf(name, sizeof name, "%d", i);
        count(RATE_LOGIN_PLACE_HOUR, name, LIMIT, i);
    }
    assert_true(wait_s(RATE_SEND, "ann", 2 * second_us) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_window_of_each_kind, open_limit, close_limit),
        cmocka_unit_test_setup_teardown(a_right_password_is_taken_back, open_limit, close_limit),
        cmocka_unit_test_setup_teardown(many_names_do_not_drive_out_those_who_try_often, open_limit, close_limit),
        cmocka_unit_test_setup_teardown(one_kind_does_not_drive_out_another, open_limit, close_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
