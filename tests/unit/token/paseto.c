#include "token/paseto.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *message = "{\"data\":\"signed\"}";
static const char *footer = "{\"kid\":\"a key\"}";
static const char *assertion = "said elsewhere";

static unsigned char public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];

static int setup(void **state)
{
    *state = NULL;
    return sodium_init() < 0 ? -1 : crypto_sign_keypair(public_key, secret_key);
}

/* Taken apart, and signed by our key. */
static bool accepts(const char *token, size_t length, const char *implicit, struct paseto *paseto)
{
    return paseto_parse(token, length, paseto) && paseto_verify(paseto, slice_text(implicit), public_key);
}

static void assert_slice(struct slice slice, const char *text)
{
    assert_int_equal(slice.length, strlen(text));
    if (slice.length > 0)
        assert_memory_equal(slice.bytes, text, slice.length);
}

static void opens_what_was_signed(void **state)
{
    (void)state;
    static const char *texts[] = {"", "a", "ab", "abc", "{\"data\":\"a longer text, with a second line\\n\"}"};
    enum { COUNT = sizeof texts / sizeof *texts };
    for (size_t i = 0; i < (size_t)COUNT * COUNT * COUNT; i++) {
        const char *m = texts[i % COUNT], *f = texts[i / COUNT % COUNT], *a = texts[i / COUNT / COUNT];
        char *token = paseto_sign(slice_text(m), slice_text(f), slice_text(a), secret_key);
        struct paseto paseto;
        assert_non_null(token);
        assert_int_equal(strncmp(token, "v4.public.", 10), 0);
        assert_null(strchr(token, '='));
        assert_true(accepts(token, strlen(token), a, &paseto));
        assert_slice(paseto.message, m);
        assert_slice(paseto.footer, f);
        assert_false(accepts(token, strlen(token), "another assertion", &paseto));
        free(token);
    }
}

/* Ed25519 signatures are a function of key and text. */
static void signs_the_same_way_each_time(void **state)
{
    (void)state;
    char *a = paseto_sign(slice_text(message), slice_text(footer), slice_text(assertion), secret_key);
    char *b = paseto_sign(slice_text(message), slice_text(footer), slice_text(assertion), secret_key);
    char *c = paseto_sign(slice_text(message), slice_text(footer), slice_text(""), secret_key);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    free(a);
    free(b);
    free(c);
}

/* The encoding of what is signed keeps parts apart: a byte cannot wander from one to the next. */
static void parts_do_not_run_together(void **state)
{
    (void)state;
    char *whole = paseto_sign(slice_text("ab"), slice_text("c"), slice_text("d"), secret_key);
    char *moved = paseto_sign(slice_text("a"), slice_text("bc"), slice_text("d"), secret_key);
    struct paseto first, second;
    assert_true(paseto_parse(whole, strlen(whole), &first));
    assert_true(paseto_parse(moved, strlen(moved), &second));
    assert_memory_not_equal(first.signature, second.signature, crypto_sign_BYTES);
    second.signature = first.signature;
    assert_false(paseto_verify(&second, slice_text("d"), public_key));
    free(whole);
    free(moved);
}

static void refuses_a_token_changed_anywhere(void **state)
{
    (void)state;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n";
    char *token = paseto_sign(slice_text(message), slice_text(footer), slice_text(""), secret_key);
    size_t length = strlen(token);
    struct paseto paseto;
    for (size_t i = 0; i < length; i++) {
        char kept = token[i];
        for (size_t j = 0; j < sizeof alphabet; j++) { /* with its NUL */
            token[i] = alphabet[j];
            assert_int_equal(accepts(token, length, "", &paseto), alphabet[j] == kept);
        }
        token[i] = (char)0xff;
        assert_false(accepts(token, length, "", &paseto));
        token[i] = kept;
        assert_false(accepts(token, i, "", &paseto));
    }
    assert_true(accepts(token, length, "", &paseto));
    free(token);
}

/* `pattern` has one %s, for what follows the header in a good token. */
static bool accepts_form(const char *pattern, const char *tail)
{
    char text[1024];
    struct paseto paseto;
    int length = snprintf(text, sizeof text, pattern, tail);
    assert_in_range(length, 1, sizeof text - 1);
    return accepts(text, (size_t)length, "", &paseto);
}

static void refuses_other_forms(void **state)
{
    (void)state;
    char *bare = paseto_sign(slice_text("ab"), slice_text(""), slice_text(""), secret_key);
    char *full = paseto_sign(slice_text("ab"), slice_text("cd"), slice_text(""), secret_key);
    static const char *bad[] = {"v4.local.%s",    "v3.public.%s",      "v2.public.%s",
                                "v4.public%s",    "V4.public.%s",      "v4.public..%s",
                                " v4.public.%s",  "v4.public.%s ",     "v4.public.%s.",
                                "v4.public.%s==", "v4.public.%s=",     "v4.public.%s.a",
                                "v4.public.%s.=", "v4.public.%s\n",    "%s",
                                "v4.public.%s..", "v4.public.%s.AA.AA"};
    assert_true(accepts_form("v4.public.%s", bare + 10));
    assert_true(accepts_form("v4.public.%s", full + 10));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(accepts_form(bad[i], bare + 10));
        assert_false(accepts_form(bad[i], full + 10));
    }
    struct paseto paseto;
    assert_false(paseto_parse("", 0, &paseto));
    assert_false(paseto_parse("v4.public.", 10, &paseto));
    assert_false(paseto_parse("v4.public..", 11, &paseto));
    assert_false(paseto_parse("v4.public.AAAA.AAAA", 19, &paseto));
    free(bare);
    free(full);
}

/* 66 bytes are 88 characters; of 67, the last character has two bits that must be zero. */
static void refuses_a_second_spelling(void **state)
{
    (void)state;
    char *token = paseto_sign(slice_text("a"), slice_text(""), slice_text(""), secret_key);
    struct paseto paseto;
    size_t length = strlen(token);
    assert_int_equal((length - 10) % 4, 3);
    assert_true(accepts(token, length, "", &paseto));
    assert_non_null(strchr("AEIMQUYcgkosw048", token[length - 1]));
    token[length - 1]++; /* decodes to the same bytes, if one is lax */
    assert_false(paseto_parse(token, length, &paseto));
    free(token);
}

static void refuses_other_keys(void **state)
{
    (void)state;
    unsigned char other[crypto_sign_PUBLICKEYBYTES], scratch[crypto_sign_SECRETKEYBYTES], zero[32] = {0};
    crypto_sign_keypair(other, scratch);
    char *token = paseto_sign(slice_text(message), slice_text(footer), slice_text(""), secret_key);
    struct paseto paseto;
    assert_true(paseto_parse(token, strlen(token), &paseto));
    assert_true(paseto_verify(&paseto, slice_text(""), public_key));
    assert_false(paseto_verify(&paseto, slice_text(""), other));
    assert_false(paseto_verify(&paseto, slice_text(""), zero));
    free(token);
}

static void keeps_the_limit(void **state)
{
    (void)state;
    static char text[2 * PASETO_LIMIT];
    memset(text, 'x', sizeof text);
    struct paseto paseto;
    size_t longest = 0;
    for (size_t length = 2900; length < 3100; length++) {
        char *token = paseto_sign((struct slice){text, length}, slice_text(""), slice_text(""), secret_key);
        if (!token)
            continue;
        longest = length;
        assert_true(strlen(token) <= PASETO_LIMIT);
        assert_true(accepts(token, strlen(token), "", &paseto));
        free(token);
    }
    assert_int_equal(longest, (PASETO_LIMIT - 10) * 3 / 4 - crypto_sign_BYTES);
    const struct slice none = {"", 0}, all = {text, sizeof text}, most = {text, PASETO_LIMIT - 60};
    assert_null(paseto_sign(all, none, none, secret_key));
    assert_null(paseto_sign(none, all, none, secret_key));
    assert_null(paseto_sign(none, none, all, secret_key));
    assert_null(paseto_sign(most, none, none, secret_key));
    assert_null(paseto_sign(none, most, none, secret_key));
    snprintf(text, sizeof "v4.public.", "v4.public.");
    text[10] = 'x';
    assert_false(paseto_parse(text, PASETO_LIMIT + 1, &paseto));
    assert_false(paseto_parse(text, sizeof text, &paseto));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_was_signed),     cmocka_unit_test(signs_the_same_way_each_time),
        cmocka_unit_test(parts_do_not_run_together), cmocka_unit_test(refuses_a_token_changed_anywhere),
        cmocka_unit_test(refuses_other_forms),       cmocka_unit_test(refuses_a_second_spelling),
        cmocka_unit_test(refuses_other_keys),        cmocka_unit_test(keeps_the_limit),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
