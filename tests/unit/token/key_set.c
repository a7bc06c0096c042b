#include "token/key_set.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

struct pair {
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
    char secret_line[KEY_LINE_SIZE];
    char public_line[KEY_LINE_SIZE];
};

static struct pair pair_make(void)
{
    struct pair pair;
    crypto_sign_keypair(pair.public_key, pair.secret_key);
    memcpy(pair.secret_line, "k4.secret.", 10);
    memcpy(pair.public_line, "k4.public.", 10);
    sodium_bin2base64(pair.secret_line + 10, sizeof pair.secret_line - 10, pair.secret_key, sizeof pair.secret_key,
                      VARIANT);
    sodium_bin2base64(pair.public_line + 10, sizeof pair.public_line - 10, pair.public_key, sizeof pair.public_key,
                      VARIANT);
    return pair;
}

static int setup(void **state)
{
    *state = NULL;
    return sodium_init() < 0 ? -1 : 0;
}

static struct key_set *parse(const char *text)
{
    struct key_set *set = NULL;
    dlg_error *error = NULL;
    assert_ok(key_set_parse(text, strlen(text), "FILE", &set, &error), error);
    return set;
}

/* Refused, with a message that names the place and keeps the secret. */
static void assert_refused(const char *text, size_t length, const char *place)
{
    struct key_set *set = NULL;
    dlg_error *error = NULL;
    assert_int_equal(key_set_parse(text, length, "FILE", &set, &error), DLG_E_FILE);
    assert_null(set);
    assert_non_null(strstr(dlg_error_message(error), "FILE"));
    assert_non_null(strstr(dlg_error_message(error), place));
    assert_null(strstr(dlg_error_message(error), "k4.secret.A"));
    dlg_error_free(error);
}

static void reads_lines(void **state)
{
    (void)state;
    struct pair a = pair_make(), b = pair_make(), c = pair_make();
    char text[1024], id[KEY_ID_SIZE];
    snprintf(text, sizeof text, "# a comment\r\n\n \t\n%s\n  %s  \r\n\t# another\n%s", b.public_line, a.secret_line,
             c.secret_line);
    struct key_set *set = parse(text);
    const struct key *signer = key_set_signer(set);
    assert_memory_equal(signer->secret_key, a.secret_key, sizeof a.secret_key);
    assert_memory_equal(signer->public_key, a.public_key, sizeof a.public_key);
    key_id(a.public_key, id);
    assert_string_equal(signer->id, id);
    assert_ptr_equal(key_set_find(set, id, strlen(id)), signer);
    key_id(b.public_key, id);
    assert_null(key_set_find(set, id, strlen(id))->secret_key);
    assert_memory_equal(key_set_find(set, id, strlen(id))->public_key, b.public_key, sizeof b.public_key);
    key_id(c.public_key, id);
    assert_memory_equal(key_set_find(set, id, strlen(id))->secret_key, c.secret_key, sizeof c.secret_key);
    assert_null(key_set_find(set, id, strlen(id) - 1));
    assert_null(key_set_find(set, "", 0));
    id[10] = (char)(id[10] == 'A' ? 'B' : 'A');
    assert_null(key_set_find(set, id, strlen(id)));
    key_set_release(set);
}

static void verifies_only_without_a_secret(void **state)
{
    (void)state;
    struct pair pair = pair_make();
    struct key_set *set = parse(pair.public_line);
    assert_null(key_set_signer(set));
    key_set_release(set);
    key_set_release(NULL);
}

static void lives_as_long_as_it_is_held(void **state)
{
    (void)state;
    struct pair pair = pair_make();
    struct key_set *set = parse(pair.secret_line);
    assert_ptr_equal(key_set_hold(set), set);
    key_set_release(set);
    assert_memory_equal(key_set_signer(set)->secret_key, pair.secret_key, sizeof pair.secret_key);
    key_set_release(set);
}

static void ids_have_the_form_of_paserk(void **state)
{
    (void)state;
    struct pair a = pair_make(), b = pair_make();
    char first[KEY_ID_SIZE], second[KEY_ID_SIZE];
    key_id(a.public_key, first);
    key_id(b.public_key, second);
    assert_int_equal(strlen(first), KEY_ID_SIZE - 1);
    assert_int_equal(strncmp(first, "k4.pid.", 7), 0);
    assert_string_not_equal(first, second);
}

static void makes_keys(void **state)
{
    (void)state;
    char first[KEY_LINE_SIZE], second[KEY_LINE_SIZE];
    key_generate(first);
    key_generate(second);
    assert_string_not_equal(first, second);
    struct key_set *set = parse(first);
    assert_non_null(key_set_signer(set));
    key_set_release(set);
}

static void says_which_line_is_wrong(void **state)
{
    (void)state;
    struct pair a = pair_make(), b = pair_make();
    char text[1024];
    snprintf(text, sizeof text, "# one\n%s\n\n%s\nnonsense\n", a.secret_line, b.public_line);
    assert_refused(text, strlen(text), "line 5");
    snprintf(text, sizeof text, "%s %s\n", a.secret_line, b.public_line);
    assert_refused(text, strlen(text), "line 1");
}

static void refuses_malformed_keys(void **state)
{
    (void)state;
    struct pair a = pair_make(), b = pair_make();
    char text[1024];
    static const char *patterns[] = {"%s=", "%s==", "%sA", "%s.", "%s # mine", "k4.%s", "\"%s\"", "%s%%20"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        snprintf(text, sizeof text, patterns[i], a.secret_line);
        assert_refused(text, strlen(text), "line 1");
        snprintf(text, sizeof text, patterns[i], a.public_line);
        assert_refused(text, strlen(text), "line 1");
    }
    static const char *prefixes[] = {"k3.secret.", "k4.local.",  "k4.sid.",    "k4.pid.", "K4.secret.",
                                     "k4.secret",  "k4.public.", "k2.secret.", ""};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(text, sizeof text, "%s%s", prefixes[i], a.secret_line + 10);
        assert_refused(text, strlen(text), "line 1");
    }
    for (size_t length = 1; length < strlen(a.secret_line); length++)
        assert_refused(a.secret_line, length, "line 1");
    char kept = a.secret_line[20];
    a.secret_line[20] = (char)0xff;
    assert_refused(a.secret_line, strlen(a.secret_line), "line 1");
    a.secret_line[20] = kept;
    memcpy(a.secret_line + 60, b.secret_line + 60, 20); /* a public half that is not the seed's */
    assert_refused(a.secret_line, strlen(a.secret_line), "line 1");
    assert_refused(b.secret_line, sizeof b.secret_line, "line 1"); /* with its NUL */
}

static void refuses_a_public_key_that_is_no_point(void **state)
{
    (void)state;
    char text[KEY_LINE_SIZE] = "k4.public.";
    unsigned char bad[crypto_sign_PUBLICKEYBYTES] = {0};
    sodium_bin2base64(text + 10, sizeof text - 10, bad, sizeof bad, VARIANT);
    assert_refused(text, strlen(text), "line 1"); /* a point of order 4: anybody signs for it */
    memset(bad, 0xff, sizeof bad);
    sodium_bin2base64(text + 10, sizeof text - 10, bad, sizeof bad, VARIANT);
    assert_refused(text, strlen(text), "line 1");
}

static void wants_some_keys_but_not_too_many(void **state)
{
    (void)state;
    struct pair pair = pair_make();
    assert_refused("", 0, "no key");
    assert_refused("\n\n# nothing\n", 12, "no key");
    char *text = calloc(KEY_SET_LIMIT + 2, KEY_LINE_SIZE + 1);
    assert_non_null(text);
    char *end = text;
    for (size_t i = 0; i < KEY_SET_LIMIT; i++)
        end += sprintf(end, "%s\n", pair.public_line);
    struct key_set *set = parse(text);
    key_set_release(set);
    sprintf(end, "%s\n", pair.public_line);
    assert_refused(text, strlen(text), "256");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines),
        cmocka_unit_test(verifies_only_without_a_secret),
        cmocka_unit_test(lives_as_long_as_it_is_held),
        cmocka_unit_test(ids_have_the_form_of_paserk),
        cmocka_unit_test(makes_keys),
        cmocka_unit_test(says_which_line_is_wrong),
        cmocka_unit_test(refuses_malformed_keys),
        cmocka_unit_test(refuses_a_public_key_that_is_no_point),
        cmocka_unit_test(wants_some_keys_but_not_too_many),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
