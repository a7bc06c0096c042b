#include "base/timestamp.h"

#include "check.h"

#include <string.h>

static const int64_t second = 1000000;

static void writes_utc(void **state)
{
    (void)state;
    static const struct {
        int64_t moment_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {1709210096123456, "2024-02-29T12:34:56.123456Z"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z"},
        {-62167219200000000, "0000-01-01T00:00:00.000000Z"},
    };
    char text[TIMESTAMP_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t back;
        assert_true(timestamp_format(cases[i].moment_us, text));
        assert_string_equal(text, cases[i].text);
        assert_true(timestamp_parse(text, strlen(text), &back));
        assert_int_equal(back, cases[i].moment_us);
    }
    assert_false(timestamp_format(253402300800000000, text));
    assert_false(timestamp_format(-62167219200000001, text));
    assert_false(timestamp_format(INT64_MAX, text));
    assert_false(timestamp_format(INT64_MIN, text));
}

static void reads_what_others_write(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t moment_us;
    } cases[] = {
        {"2024-02-29T12:34:56Z", 1709210096000000},         {"2024-02-29T12:34:56+00:00", 1709210096000000},
        {"2024-02-29T12:34:56-00:00", 1709210096000000},    {"2024-02-29T14:34:56+02:00", 1709210096000000},
        {"2024-02-29T07:04:56-0530", 1709210096000000},     {"2024-03-01T02:34:56+1400", 1709210096000000},
        {"2024-02-29 12:34:56z", 1709210096000000},         {"2024-02-29t12:34:56.5Z", 1709210096500000},
        {"2024-02-29T12:34:56.123Z", 1709210096123000},     {"2024-02-29T12:34:56.123456789Z", 1709210096123456},
        {"2024-02-29T12:34:56,25+01:00", 1709206496250000}, {"2016-12-31T23:59:60Z", 1483228800000000},
        {"2000-02-29T00:00:00Z", 951782400000000},          {"1960-01-01T00:00:00.5Z", -315619199500000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t moment_us = second;
        assert_true(timestamp_parse(cases[i].text, strlen(cases[i].text), &moment_us));
        assert_int_equal(moment_us, cases[i].moment_us);
    }
}

static void refuses_everything_else(void **state)
{
    (void)state;
    static const char *bad[] = {
        "",
        "2024",
        "2024-02-29",
        "2024-02-29T12:34:56",
        "2024-02-29T12:34Z",
        "20240229T123456Z",
        "2023-02-29T12:34:56Z",
        "1900-02-29T12:34:56Z",
        "2024-04-31T12:34:56Z",
        "2024-00-10T12:34:56Z",
        "2024-13-10T12:34:56Z",
        "2024-02-00T12:34:56Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T12:60:56Z",
        "2024-02-29T12:34:61Z",
        "2024-02-29T12:34:56.Z",
        "2024-02-29T12:34:56+",
        "2024-02-29T12:34:56+2",
        "2024-02-29T12:34:56+02",
        "2024-02-29T12:34:56+24:00",
        "2024-02-29T12:34:56+02:60",
        "2024-02-29T12:34:56ZZ",
        "2024-02-29T12:34:56Z ",
        " 2024-02-29T12:34:56Z",
        "+2024-02-29T12:34:56Z",
        "-024-02-29T12:34:56Z",
        "2024-2-29T12:34:56Z",
        "1709210096",
        "tomorrow",
    };
    int64_t moment_us;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(timestamp_parse(bad[i], strlen(bad[i]), &moment_us));
    assert_false(timestamp_parse("2024-02-29T12:34:56Z\0", 21, &moment_us));
    assert_false(timestamp_parse("2024-02-29T12:34:56Z", 19, &moment_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_utc),
        cmocka_unit_test(reads_what_others_write),
        cmocka_unit_test(refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
