/* tokens.h - a keyring and a cache to issue and verify tokens with, at one fixed moment. */
#ifndef TEST_TOKENS_H
#define TEST_TOKENS_H

#include "check.h"
#include "token/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *issuer = "dialogs";
static const int64_t second = 1000000, hour = 3600000000;
static const int64_t now = 1709210096123456; /* 2024-02-29T12:34:56.123456Z */
static const dlg_uuid user = {
    {0x38, 0x7a, 0xc1, 0xc1, 0x65, 0x81, 0x4a, 0xce, 0xa1, 0x13, 0x70, 0x7c, 0x85, 0x85, 0xfe, 0x28}};
#define USER "387ac1c1-6581-4ace-a113-707c8585fe28"

struct tokens {
    struct keyring *keyring;
    struct token_cache *cache;
};

static inline int tokens_setup(void **state)
{
    char line[KEY_LINE_SIZE];
    struct tokens *tokens = calloc(1, sizeof *tokens);
    *state = tokens;
    if (!tokens || sodium_init() < 0)
        return -1;
    key_generate(line);
    tokens->cache = token_cache_new();
    return tokens->cache ? keyring_open(&tokens->keyring, line, NULL, NULL) : -1;
}

static inline int tokens_teardown(void **state)
{
    struct tokens *tokens = *state;
    keyring_free(tokens->keyring);
    token_cache_free(tokens->cache);
    free(tokens);
    return 0;
}

static inline char *issue(struct tokens *tokens)
{
    char *token = NULL;
    dlg_error *error = NULL;
    assert_ok(token_issue(tokens->keyring, issuer, &user, hour, now, &token, &error), error);
    return token;
}

static inline int verify_at(struct tokens *tokens, const char *token, size_t length, int64_t moment)
{
    dlg_uuid found = {{0}};
    dlg_error *error = NULL;
    int code = token_verify(tokens->keyring, tokens->cache, issuer, token, length, moment, &found, NULL, &error);
    assert_int_equal(dlg_error_code(error), code);
    if (code == DLG_OK)
        assert_int_equal(dlg_uuid_compare(&found, &user), 0);
    else
        assert_true(strlen(dlg_error_message(error)) > 0);
    dlg_error_free(error);
    return code;
}

static inline int verify(struct tokens *tokens, const char *token)
{
    return verify_at(tokens, token, DLG_NTS, now);
}

/* A token of our key that says anything. `footer` NULL: the right one. */
static inline char *forge(struct tokens *tokens, struct slice claims, const char *footer)
{
    struct key_set *set;
    const struct key *key;
    char right[128];
    assert_int_equal(keyring_sign_key(tokens->keyring, &set, &key, NULL), DLG_OK);
    snprintf(right, sizeof right, "{\"kid\":\"%s\"}", key->id);
    char *token = paseto_sign(claims, slice_text(footer ? footer : right), slice_text(""), key->secret_key);
    assert_non_null(token);
    key_set_release(set);
    return token;
}

/* Claims that nothing is wrong with. */
#define GOOD "{\"sub\":\"" USER "\",\"iss\":\"dialogs\",\"exp\":\"2024-02-29T13:00:00Z\"}"

#endif
