#include "tokens.h"

#include <jansson.h>

static void verifies_what_was_issued(void **state)
{
    struct tokens *tokens = *state;
    char *token = issue(tokens), *other = issue(tokens);
    assert_string_not_equal(token, other); /* another jti */
    for (int i = 0; i < 3; i++) {
        dlg_uuid found;
        int64_t expires_us = 0;
        dlg_error *error = NULL;
        assert_ok(token_verify(tokens->keyring, tokens->cache, issuer, token, strlen(token), now, &found, &expires_us,
                               &error),
                  error);
        assert_int_equal(dlg_uuid_compare(&found, &user), 0);
        assert_int_equal(expires_us, now + hour);
    }
    assert_int_equal(verify(tokens, other), DLG_OK);
    free(token);
    free(other);
}

static const char *claim(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void says_what_the_header_promises(void **state)
{
    char *token = issue(*state);
    struct paseto paseto;
    assert_true(paseto_parse(token, strlen(token), &paseto));
    json_t *object = json_loadb(paseto.message.bytes, paseto.message.length, 0, NULL);
    assert_string_equal(claim(object, "sub"), USER);
    assert_string_equal(claim(object, "iss"), issuer);
    assert_string_equal(claim(object, "iat"), "2024-02-29T12:34:56.123456Z");
    assert_string_equal(claim(object, "nbf"), "2024-02-29T12:34:56.123456Z");
    assert_string_equal(claim(object, "exp"), "2024-02-29T13:34:56.123456Z");
    assert_int_equal(strlen(claim(object, "jti")), 22);
    assert_int_equal(json_object_size(object), 6);
    json_decref(object);
    object = json_loadb(paseto.footer.bytes, paseto.footer.length, 0, NULL);
    assert_int_equal(strncmp(claim(object, "kid"), "k4.pid.", 7), 0);
    assert_int_equal(json_object_size(object), 1);
    json_decref(object);
    free(token);
}

static void times_have_sharp_ends(void **state)
{
    struct tokens *tokens = *state;
    char *token = issue(tokens);
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        assert_int_equal(verify_at(tokens, token, DLG_NTS, now + hour), DLG_E_TOKEN_EXPIRED);
        assert_int_equal(verify_at(tokens, token, DLG_NTS, now + 100 * hour), DLG_E_TOKEN_EXPIRED);
        assert_int_equal(verify_at(tokens, token, DLG_NTS, now - 5 * second - 1), DLG_E_TOKEN_EXPIRED);
        assert_int_equal(verify_at(tokens, token, DLG_NTS, 0), DLG_E_TOKEN_EXPIRED);
        assert_int_equal(verify_at(tokens, token, DLG_NTS, now + hour - 1), DLG_OK);
        assert_int_equal(verify_at(tokens, token, DLG_NTS, now - 5 * second), DLG_OK);
    }
    free(token);
}

static void refuses_to_issue_nonsense(void **state)
{
    struct tokens *tokens = *state;
    static const dlg_uuid nil;
    char *token = NULL;
    assert_int_equal(token_issue(tokens->keyring, issuer, &nil, hour, now, &token, NULL), DLG_E_ARGUMENT);
    assert_int_equal(token_issue(tokens->keyring, issuer, NULL, hour, now, &token, NULL), DLG_E_ARGUMENT);
    assert_int_equal(token_issue(tokens->keyring, issuer, &user, hour, now, NULL, NULL), DLG_E_ARGUMENT);
    assert_int_equal(token_issue(tokens->keyring, issuer, &user, 0, now, &token, NULL), DLG_E_ARGUMENT);
    assert_int_equal(token_issue(tokens->keyring, issuer, &user, -hour, now, &token, NULL), DLG_E_ARGUMENT);
    assert_int_equal(token_issue(tokens->keyring, "\xff", &user, hour, now, &token, NULL), DLG_E_ARGUMENT);
    assert_int_equal(token_issue(tokens->keyring, issuer, &user, hour * 24 * 366 * 8000, now, &token, NULL),
                     DLG_E_ARGUMENT);
    assert_null(token);
}

/* 255 characters that take the most room in JSON. */
static void any_issuer_of_the_settings_fits(void **state)
{
    struct tokens *tokens = *state;
    char longest[256], *token = NULL;
    dlg_error *error = NULL;
    dlg_uuid found;
    memset(longest, 1, 255);
    longest[255] = '\0';
    assert_ok(token_issue(tokens->keyring, longest, &user, hour, now, &token, &error), error);
    assert_ok(token_verify(tokens->keyring, tokens->cache, longest, token, DLG_NTS, now, &found, NULL, &error), error);
    free(token);
}

static void refuses_a_token_changed_anywhere(void **state)
{
    struct tokens *tokens = *state;
    char *token = issue(tokens);
    size_t length = strlen(token);
    assert_int_equal(verify(tokens, token), DLG_OK);
    for (size_t i = 0; i < length; i++) {
        char kept = token[i];
        static const char others[] = {'A', 'z', '.', '=', '\0', (char)0xff};
        for (size_t j = 0; j < sizeof others; j++) {
            token[i] = others[j];
            assert_int_equal(verify_at(tokens, token, length, now), others[j] == kept ? DLG_OK : DLG_E_TOKEN);
        }
        token[i] = (char)(kept ^ 1);
        assert_int_equal(verify_at(tokens, token, length, now), DLG_E_TOKEN);
        token[i] = kept;
        assert_int_equal(verify_at(tokens, token, i, now), DLG_E_TOKEN);
    }
    assert_int_equal(verify_at(tokens, token, length + 1, now), DLG_E_TOKEN); /* with its NUL */
    assert_int_equal(verify(tokens, token), DLG_OK);
    free(token);
}

static void refuses_what_is_no_token(void **state)
{
    struct tokens *tokens = *state;
    char *huge = malloc(1 << 20);
    assert_non_null(huge);
    memset(huge, 'A', 1 << 20);
    snprintf(huge, 11, "v4.public.");
    huge[10] = 'A';
    assert_int_equal(verify_at(tokens, huge, 1 << 20, now), DLG_E_TOKEN);
    assert_int_equal(verify_at(tokens, huge, PASETO_LIMIT + 1, now), DLG_E_TOKEN);
    assert_int_equal(verify_at(tokens, huge, PASETO_LIMIT, now), DLG_E_TOKEN);
    huge[(1 << 20) - 1] = '\0';
    assert_int_equal(verify(tokens, huge), DLG_E_TOKEN);
    free(huge);
    static const char *bad[] = {
        "", ".", "v4.public.", "v4.local.AAAA", "Bearer v4.public.AAAA", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(verify(tokens, bad[i]), DLG_E_TOKEN);
}

static void wants_a_token_and_a_user(void **state)
{
    struct tokens *tokens = *state;
    char *token = issue(tokens);
    dlg_uuid found;
    assert_int_equal(token_verify(tokens->keyring, tokens->cache, issuer, NULL, 0, now, &found, NULL, NULL),
                     DLG_E_ARGUMENT);
    assert_int_equal(token_verify(tokens->keyring, tokens->cache, issuer, token, DLG_NTS, now, NULL, NULL, NULL),
                     DLG_E_ARGUMENT);
    free(token);
}

static void refuses_other_keys_and_issuers(void **state)
{
    struct tokens *tokens = *state, *other;
    void *other_state;
    assert_int_equal(tokens_setup(&other_state), 0);
    other = other_state;
    char *token = issue(other);
    assert_int_equal(verify(other, token), DLG_OK);
    assert_int_equal(verify(tokens, token), DLG_E_TOKEN);
    free(token);
    assert_int_equal(token_issue(tokens->keyring, "somebody else", &user, hour, now, &token, NULL), DLG_OK);
    assert_int_equal(verify(tokens, token), DLG_E_TOKEN);
    free(token);
    tokens_teardown(&other_state);
}

static void refuses_other_footers(void **state)
{
    struct tokens *tokens = *state;
    char id[128], footer[1024], *token;
    struct key_set *set;
    const struct key *key;
    assert_int_equal(keyring_sign_key(tokens->keyring, &set, &key, NULL), DLG_OK);
    snprintf(id, sizeof id, "%s", key->id);
    key_set_release(set);
    static const char *good[] = {"{\"kid\":\"%s\"}", " { \"kid\" : \"%s\" }\n", "{\"wpk\":\"x\",\"kid\":\"%s\"}"};
    static const char *bad[] = {"%s",
                                "\"%s\"",
                                "[\"%s\"]",
                                "{\"kid\":[\"%s\"]}",
                                "{\"kid\":{\"kid\":\"%s\"}}",
                                "{\"KID\":\"%s\"}",
                                "{\"kid\":\"%s \"}",
                                "{\"kid\":\"%s\\u0000\"}",
                                "{\"kid\":\"%s\"",
                                "{\"kid\":\"%s\"}}",
                                "{\"kid\":\"%s\",\"kid\":\"k4.pid.other\"}",
                                "{\"kid\":\"k4.pid.other\",\"was\":\"%s\"}",
                                "{\"kid\":null,\"was\":\"%s\"}",
                                "{\"kid\":4,\"was\":\"%s\"}",
                                "\xff{\"kid\":\"%s\"}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(footer, sizeof footer, good[i], id);
        token = forge(tokens, slice_text(GOOD), footer);
        assert_int_equal(verify(tokens, token), DLG_OK);
        free(token);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(footer, sizeof footer, bad[i], id);
        token = forge(tokens, slice_text(GOOD), footer);
        assert_int_equal(verify(tokens, token), DLG_E_TOKEN);
        free(token);
    }
    snprintf(footer, sizeof footer, "{\"kid\":\"%s\"%500s}", id, "");
    token = forge(tokens, slice_text(GOOD), footer);
    assert_int_equal(verify(tokens, token), DLG_E_TOKEN);
    free(token);
    token = forge(tokens, slice_text(GOOD), "");
    assert_int_equal(verify(tokens, token), DLG_E_TOKEN);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verifies_what_was_issued, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(says_what_the_header_promises, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(times_have_sharp_ends, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(refuses_to_issue_nonsense, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(any_issuer_of_the_settings_fits, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(refuses_a_token_changed_anywhere, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_token, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(wants_a_token_and_a_user, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(refuses_other_keys_and_issuers, tokens_setup, tokens_teardown),
        cmocka_unit_test_setup_teardown(refuses_other_footers, tokens_setup, tokens_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
