#include "token/token.h"

#include "base/error.h"
#include "base/uuid.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Footers are read before the signature is checked, so they are kept short. */
enum { FOOTER_LIMIT = 512 };

static const struct slice no_assertion = {"", 0};

static int sign(const char *json, struct slice assertion, const struct key *key, char **token, dlg_error **error)
{
    char footer[KEY_ID_SIZE + 16];
    snprintf(footer, sizeof footer, "{\"kid\":\"%s\"}", key->id);
    *token = paseto_sign(slice_text(json), slice_text(footer), assertion, key->secret_key);
    return *token ? DLG_OK : error_set(error, DLG_E_MEMORY, "out of memory");
}

int token_sign(struct keyring *keyring, const char *issuer, const dlg_uuid *user, struct slice assertion,
               int64_t lifetime_us, int64_t now_us, char **token, dlg_error **error)
{
    if (!token)
        return error_set(error, DLG_E_ARGUMENT, "no address of a pointer for the token given");
    if (!user || uuid_is_nil(user))
        return error_set(error, DLG_E_ARGUMENT, "no user of the token given, or the nil UUID");
    if (lifetime_us <= 0)
        return error_set(error, DLG_E_ARGUMENT, "a token needs a lifetime above zero");
    struct claims claims = {.user = *user, .starts_us = now_us, .expires_us = now_us + lifetime_us};
    char *json;
    int code = claims_write(&claims, issuer, &json, error);
    if (code != DLG_OK)
        return code;
    struct key_set *set;
    const struct key *key;
    code = keyring_sign_key(keyring, &set, &key, error);
    if (code == DLG_OK) {
        code = sign(json, assertion, key, token, error);
        key_set_release(set);
    }
    free(json);
    return code;
}

int token_issue(struct keyring *keyring, const char *issuer, const dlg_uuid *user, int64_t lifetime_us, int64_t now_us,
                char **token, dlg_error **error)
{
    return token_sign(keyring, issuer, user, no_assertion, lifetime_us, now_us, token, error);
}

static int malformed(dlg_error **error)
{
    return error_set(error, DLG_E_TOKEN, "not a v4.public token of this service: log in to get one");
}

/* The public key that the footer names: {"kid":"k4.pid...."}. */
static int find_key(struct keyring *keyring, struct slice footer, unsigned char public_key[crypto_sign_PUBLICKEYBYTES],
                    dlg_error **error)
{
    if (footer.length == 0 || footer.length > FOOTER_LIMIT)
        return malformed(error);
    json_t *object = json_loadb(footer.bytes, footer.length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *id = json_object_get(object, "kid");
    int code = json_is_string(id)
                   ? keyring_find(keyring, json_string_value(id), json_string_length(id), public_key, error)
                   : malformed(error);
    json_decref(object);
    return code;
}

int token_open(struct keyring *keyring, const char *issuer, struct slice assertion, const char *token, size_t length,
               struct claims *claims, dlg_error **error)
{
    struct paseto paseto;
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    if (!paseto_parse(token, length, &paseto))
        return malformed(error);
    int code = find_key(keyring, paseto.footer, public_key, error);
    if (code != DLG_OK)
        return code;
    if (!paseto_verify(&paseto, assertion, public_key))
        return error_set(error, DLG_E_TOKEN, "the token's signature is wrong: log in again");
    return claims_read(paseto.message, issuer, claims, error);
}

int token_read(struct keyring *keyring, struct token_cache *cache, const char *issuer, const char *token, size_t length,
               int64_t now_us, struct claims *claims, dlg_error **error)
{
    if (!token)
        return error_set(error, DLG_E_ARGUMENT, "no token given");
    if (length == DLG_NTS)
        length = strnlen(token, PASETO_LIMIT + 1);
    if (length > PASETO_LIMIT)
        return error_set(error, DLG_E_TOKEN, "the token is longer than %d bytes: log in to get one", PASETO_LIMIT);
    uint64_t generation = keyring_generation(keyring);
    struct token_digest digest;
    token_cache_digest(cache, token, length, &digest);
    bool known = token_cache_find(cache, &digest, generation, claims);
    int code = known ? DLG_OK : token_open(keyring, issuer, no_assertion, token, length, claims, error);
    if (code == DLG_OK)
        code = claims_check_time(claims, now_us, error);
    if (code == DLG_OK && !known)
        token_cache_add(cache, &digest, generation, claims);
    return code;
}

int token_verify(struct keyring *keyring, struct token_cache *cache, const char *issuer, const char *token,
                 size_t length, int64_t now_us, dlg_uuid *user, int64_t *expires_us, dlg_error **error)
{
    struct claims claims;
    if (!token || !user)
        return error_set(error, DLG_E_ARGUMENT, "dlg_token_verify() needs a token and the address of a user id");
    int code = token_read(keyring, cache, issuer, token, length, now_us, &claims, error);
    if (code != DLG_OK)
        return code;
    *user = claims.user;
    if (expires_us)
        *expires_us = claims.expires_us;
    return DLG_OK;
}
