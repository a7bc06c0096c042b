/* What key_set_parse() takes is whole: every key can be found, and its secret belongs to it. */
#include "base/error.h"
#include "fuzz.h"
#include "token/key_set.h"

#include <string.h>

static void check_signer(const struct key_set *set)
{
    const struct key *key = key_set_signer(set);
    if (!key)
        return;
    unsigned char signature[crypto_sign_BYTES];
    char id[KEY_ID_SIZE];
    crypto_sign_detached(signature, NULL, (const unsigned char *)"text", 4, key->secret_key);
    FUZZ_CHECK(crypto_sign_verify_detached(signature, (const unsigned char *)"text", 4, key->public_key) == 0);
    key_id(key->public_key, id);
    FUZZ_CHECK(strcmp(id, key->id) == 0);
    FUZZ_CHECK(key_set_find(set, id, strlen(id)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key_set *set = NULL;
    dlg_error *error = NULL;
    int code = key_set_parse((const char *)data, size, "FILE", &set, &error);
    if (code == DLG_OK)
        check_signer(set);
    else
        FUZZ_CHECK(!set && dlg_error_code(error) == code);
    key_set_release(set);
    dlg_error_free(error);
    return 0;
}

/* The key of a seed of one repeated byte, as a line. */
static char *put_key(char *to, const char *prefix, unsigned char byte)
{
    unsigned char seed[crypto_sign_SEEDBYTES], public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
    memset(seed, byte, sizeof seed);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    to = stpcpy(to, prefix);
    if (strcmp(prefix, "k4.secret.") == 0)
        sodium_bin2base64(to, 128, secret_key, sizeof secret_key, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    else
        sodium_bin2base64(to, 128, public_key, sizeof public_key, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return stpcpy(to + strlen(to), "\n");
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    char *start = (char *)seed, *to = start;
    if (index > 3)
        return 0;
    if (index == 1 || index == 3)
        to = stpcpy(to, "# a comment\r\n\n  \t\n");
    if (index != 2)
        to = put_key(to, "k4.secret.", 1);
    if (index >= 2)
        to = put_key(to, "k4.public.", 2);
    return (size_t)(to - start);
}
