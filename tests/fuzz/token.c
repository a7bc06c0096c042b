/*
 * token_verify() takes no token that we did not sign. The first byte says what the rest is: a whole
 * token, the claims of one that is signed here, or a footer.
 */
#include "token/token.h"
#include "fuzz.h"

#include <string.h>

#define ISSUER "dialogs"
#define USER "387ac1c1-6581-4ace-a113-707c8585fe28"
#define CLAIMS "{\"sub\":\"" USER "\",\"iss\":\"" ISSUER "\",\"exp\":\"2024-02-29T13:00:00Z\"}"

static const int64_t now_us = 1709208000000000; /* 2024-02-29T12:00:00Z */

static struct keyring *keyring;
static struct token_cache *cache;
static unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
static char footer[KEY_ID_SIZE + 16];
static char *genuine;

/* The same key every time, so that seeds and findings stay good. */
static void prepare(void)
{
    unsigned char seed[crypto_sign_SEEDBYTES] = {1}, public_key[crypto_sign_PUBLICKEYBYTES];
    char paserk[KEY_LINE_SIZE] = "k4.secret.", id[KEY_ID_SIZE];
    if (genuine)
        return;
    FUZZ_CHECK(sodium_init() >= 0);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    sodium_bin2base64(paserk + 10, sizeof paserk - 10, secret_key, sizeof secret_key,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    key_id(public_key, id);
    snprintf(footer, sizeof footer, "{\"kid\":\"%s\"}", id);
    FUZZ_CHECK(keyring_open(&keyring, paserk, NULL, NULL) == DLG_OK);
    cache = token_cache_new();
    genuine = paseto_sign(slice_text(CLAIMS), slice_text(footer), slice_text(""), secret_key);
    FUZZ_CHECK(cache && genuine);
}

static int verify(const char *token, size_t length)
{
    dlg_uuid user;
    int64_t expires_us;
    dlg_error *error = NULL;
    int code = token_verify(keyring, cache, ISSUER, token, length, now_us, &user, &expires_us, &error);
    FUZZ_CHECK(code == DLG_OK || code == DLG_E_TOKEN || code == DLG_E_TOKEN_EXPIRED);
    FUZZ_CHECK(dlg_error_code(error) == code);
    if (code == DLG_OK)
        FUZZ_CHECK(expires_us > now_us);
    dlg_error_free(error);
    return code;
}

static void verify_forged(struct slice claims, struct slice forged_footer)
{
    char *token = paseto_sign(claims, forged_footer, slice_text(""), secret_key);
    if (token)
        FUZZ_CHECK(verify(token, strlen(token)) == verify(token, strlen(token))); /* the second time from the cache */
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size == 0)
        return 0;
    struct slice rest = {data + 1, size - 1};
    if (data[0] == 'c')
        verify_forged(rest, slice_text(footer));
    else if (data[0] == 'f')
        verify_forged(slice_text(CLAIMS), rest);
    else if (verify(rest.bytes, rest.length) == DLG_OK)
        FUZZ_CHECK(rest.length == strlen(genuine) && memcmp(rest.bytes, genuine, rest.length) == 0);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    prepare();
    const struct {
        char kind;
        const char *text;
    } seeds[] = {{'t', genuine},
                 {'c', CLAIMS},
                 {'c', "{\"sub\":\"" USER "\",\"iss\":\"" ISSUER "\",\"iat\":\"2024-02-29T12:00:00+00:00\","
                       "\"nbf\":\"2024-02-29T14:00:00.5+0200\",\"exp\":\"2024-02-29T13:00:00Z\",\"jti\":\"x\"}"},
                 {'c', "[{\"sub\":null,\"a\":[1.5e3,true,\"\\u00e9\"]}]"},
                 {'f', footer},
                 {'f', "{\"kid\":\"k4.pid.AAAA\",\"x\":[[[[]]]]}"}};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    seed[0] = (uint8_t)seeds[index].kind;
    size_t length = strlen(seeds[index].text);
    memcpy(seed + 1, seeds[index].text, length);
    return length + 1;
}
