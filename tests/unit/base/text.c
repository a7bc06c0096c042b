#include "base/text.h"
#include "check.h"

#include <stdio.h>
#include <string.h>

static void assert_valid(const char *text, size_t length, bool valid)
{
    /* At every distance from the end of a word of eight, since those take another path. */
    char padded[64];
    for (size_t before = 0; before < 17; before++) {
        memset(padded, 'x', sizeof padded);
        memcpy(padded + before, text, length);
        assert_int_equal(text_is_valid(padded, before + length), valid);
        if (valid || length == 1)
            assert_int_equal(text_is_valid(padded, before + length + 9), valid);
    }
}

static void accepts_every_length_of_character(void **state)
{
    (void)state;
    static const char *good[] = {"a",
                                 "\x7f",
                                 "\xc2\x80",
                                 "\xdf\xbf",
                                 "\xe0\xa0\x80",
                                 "\xed\x9f\xbf",
                                 "\xee\x80\x80",
                                 "\xef\xbf\xbf",
                                 "\xf0\x90\x80\x80",
                                 "\xf4\x8f\xbf\xbf",
                                 "Привет, 世界 🙂"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_valid(good[i], strlen(good[i]), true);
    assert_true(text_is_valid("", 0));
}

static void refuses_what_is_not_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {{"\0", 1},
               {"\x80", 1},
               {"\xbf", 1},
               {"\xc0\x80", 2},
               {"\xc1\xbf", 2},
               {"\xc2", 1},
               {"\xe0\x9f\xbf", 3},
               {"\xed\xa0\x80", 3},
               {"\xed\xbf\xbf", 3},
               {"\xe2\x82", 2},
               {"\xf0\x8f\xbf", 3},
               {"\xf0\x8f\xbf\xbf", 4},
               {"\xf4\x90\x80\x80", 4},
               {"\xf5\x80\x80\x80", 4},
               {"\xff", 1},
               {"\xfe", 1},
               {"\xe2\x28\xa1", 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_valid(bad[i].bytes, bad[i].length, false);
}

static void what_is_not_utf8_becomes_a_question_mark(void **state)
{
    static const char *const texts[][2] = {{"plain", "plain"},
                                           {"\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0", "\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0"},
                                           {"\xc1\xce\xce\xc1", "????"}, /* KOI8-R */
                                           {"cut \xd0", "cut ?"},
                                           {"\xed\xa0\x80 x", "??? x"},
                                           {"", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", texts[i][0]);
        text_make_valid(text);
        assert_string_equal(text, texts[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_length_of_character),
        cmocka_unit_test(what_is_not_utf8_becomes_a_question_mark),
        cmocka_unit_test(refuses_what_is_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
