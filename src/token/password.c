#include "token/password.h"

#include "base/base64.h"
#include "base/error.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* A stored hash may cost up to this or what the settings ask for, whichever is more. */
enum {
    BEARABLE_MEMORY_KIB = crypto_pwhash_argon2id_MEMLIMIT_SENSITIVE / 1024,
    BEARABLE_PASSES = crypto_pwhash_argon2id_OPSLIMIT_SENSITIVE,
    RESULT_SIZE = 32,
    VARIANT = sodium_base64_VARIANT_ORIGINAL_NO_PADDING
};

struct hash {
    int64_t memory_kib;
    int64_t operations;
    unsigned char salt[crypto_pwhash_SALTBYTES];
    unsigned char result[RESULT_SIZE];
};

static bool skip(const char **text, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0)
        return false;
    *text += length;
    return true;
}

static bool parameter_read(const char **text, int64_t *number)
{
    const char *start = *text;
    for (*number = 0; **text >= '0' && **text <= '9'; (*text)++) {
        *number = *number * 10 + (**text - '0');
        if (*number > UINT32_MAX)
            return false;
    }
    return *text > start;
}

static bool read_bytes(const char **text, unsigned char *bytes, size_t size)
{
    size_t length = strcspn(*text, "$"), decoded;
    if (!base64_decode(VARIANT, *text, length, bytes, size, &decoded) || decoded != size)
        return false;
    *text += length;
    return true;
}

/* "$argon2id$v=19$m=65536,t=2,p=1$salt$result", as libsodium writes it. */
static bool hash_read(const char *text, struct hash *hash)
{
    return skip(&text, "$argon2id$v=19$m=") && parameter_read(&text, &hash->memory_kib) && skip(&text, ",t=") &&
           parameter_read(&text, &hash->operations) && skip(&text, ",p=1$") &&
           read_bytes(&text, hash->salt, sizeof hash->salt) && skip(&text, "$") &&
           read_bytes(&text, hash->result, sizeof hash->result) && *text == '\0';
}

/* Memory by itself, and time, which is memory by passes. */
static bool is_bearable(const struct hash *hash, const dlg_settings *settings)
{
    int64_t memory = BEARABLE_MEMORY_KIB, time = memory * BEARABLE_PASSES;
    if (memory < settings->hash_memory_kib)
        memory = settings->hash_memory_kib;
    if (time < settings->hash_memory_kib * settings->hash_operations)
        time = settings->hash_memory_kib * settings->hash_operations;
    return hash->operations > 0 && hash->memory_kib >= (int64_t)(crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024) &&
           hash->memory_kib <= memory && hash->memory_kib * hash->operations <= time;
}

int password_hash(const dlg_settings *settings, const char *password, size_t length, char out[crypto_pwhash_STRBYTES],
                  dlg_error **error)
{
    if (!password || length == 0)
        return error_set(error, DLG_E_ARGUMENT, "the password is empty; give at least one character");
    if (length > DLG_PASSWORD_LIMIT)
        return error_set(error, DLG_E_TOO_LARGE, "the password is longer than %d bytes", DLG_PASSWORD_LIMIT);
    if (sodium_init() < 0)
        return error_set(error, DLG_E_INTERNAL, "libsodium found no source of random numbers");
    if (crypto_pwhash_str_alg(out, password, length, (unsigned long long)settings->hash_operations,
                              (size_t)settings->hash_memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return error_set(error, DLG_E_MEMORY,
                         "not enough memory for a password hash of %lld KiB; lower hash_memory_kib",
                         (long long)settings->hash_memory_kib);
    return DLG_OK;
}

/* Not crypto_pwhash_str_verify(): that one calls it a wrong password when there is no memory. */
bool password_verify(const char *hash, const char *password, size_t length, const dlg_settings *settings)
{
    struct hash stored;
    unsigned char result[RESULT_SIZE] = {0};
    errno = 0;
    if (!password || length == 0 || length > DLG_PASSWORD_LIMIT || sodium_init() < 0)
        return false;
    bool usable = hash && hash_read(hash, &stored) && is_bearable(&stored, settings);
    if (!usable) {
        stored.memory_kib = settings->hash_memory_kib;
        stored.operations = settings->hash_operations;
        randombytes_buf(stored.salt, sizeof stored.salt);
        randombytes_buf(stored.result, sizeof stored.result);
    }
    bool done =
        crypto_pwhash(result, sizeof result, password, length, stored.salt, (unsigned long long)stored.operations,
                      (size_t)stored.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0;
    bool right = sodium_memcmp(result, stored.result, sizeof result) == 0;
    sodium_memzero(result, sizeof result);
    errno = done ? 0 : ENOMEM;
    return done && right && usable;
}

bool password_outdated(const dlg_settings *settings, const char *hash)
{
    struct hash stored;
    return !hash_read(hash, &stored) || stored.memory_kib < settings->hash_memory_kib ||
           stored.operations < settings->hash_operations;
}
