#include "base/base64.h"

#include "check.h"

#include <sodium.h>
#include <string.h>

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

/* Every text of four characters that decodes is what its bytes are written as. */
static void no_bytes_have_two_spellings(void **state)
{
    (void)state;
    char text[4] = "AAAA", back[5];
    unsigned char bytes[4];
    size_t decoded, accepted = 0;
    for (int place = 0; place < 4; place++) {
        for (int other = 0; other < 256 * 256; other++) {
            text[place] = (char)(other & 255);
            text[(place + 1) % 4] = (char)(other >> 8);
            if (!base64_decode(VARIANT, text, 4, bytes, sizeof bytes, &decoded))
                continue;
            accepted++;
            assert_int_equal(decoded, 3);
            sodium_bin2base64(back, sizeof back, bytes, decoded, VARIANT);
            assert_memory_equal(back, text, 4);
        }
        text[place] = text[(place + 1) % 4] = 'A';
    }
    assert_int_equal(accepted, 4 * 64 * 64);
}

static bool decodes(const char *text)
{
    unsigned char bytes[6];
    size_t decoded;
    return base64_decode(VARIANT, text, strlen(text), bytes, sizeof bytes, &decoded);
}

static void lengths_padding_and_stray_bits(void **state)
{
    (void)state;
    assert_true(decodes(""));
    assert_true(decodes("AA"));
    assert_true(decodes("AAA"));
    assert_true(decodes("AAAAAAAA"));
    static const char *bad[] = {"A",         "AAAAA",      "AA==",  "AAA=", "AB",  "AAB",
                                "AAAAAAAAA", "AAAAAAAAAA", "AA AA", "A-/A", "A+_A"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(decodes(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes_have_two_spellings),
        cmocka_unit_test(lengths_padding_and_stray_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
