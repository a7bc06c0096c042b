#include "token/key_set.h"

#include "base/base64.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_PREFIX "k4.secret."
#define PUBLIC_PREFIX "k4.public."
#define ID_PREFIX "k4.pid."
#define BASE64_SIZE(bytes) sodium_base64_ENCODED_LEN(bytes, VARIANT)

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING, ID_BYTES = 33 };

struct key_set {
    atomic_uint references;
    size_t count;
    unsigned char (*secrets)[crypto_sign_SECRETKEYBYTES]; /* guarded pages, read-only once filled */
    struct key keys[];
};

void key_id(const unsigned char public_key[crypto_sign_PUBLICKEYBYTES], char id[KEY_ID_SIZE])
{
    enum { START = sizeof ID_PREFIX - 1, KEY = START + sizeof PUBLIC_PREFIX - 1 };
    char text[KEY + BASE64_SIZE(crypto_sign_PUBLICKEYBYTES)] = ID_PREFIX PUBLIC_PREFIX;
    unsigned char digest[ID_BYTES];
    sodium_bin2base64(text + KEY, sizeof text - KEY, public_key, crypto_sign_PUBLICKEYBYTES, VARIANT);
    crypto_generichash(digest, sizeof digest, (const unsigned char *)text, sizeof text - 1, NULL, 0);
    memcpy(id, ID_PREFIX, START);
    sodium_bin2base64(id + START, KEY_ID_SIZE - START, digest, sizeof digest, VARIANT);
}

void key_generate(char line[KEY_LINE_SIZE])
{
    enum { START = sizeof SECRET_PREFIX - 1 };
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    crypto_sign_keypair(public_key, secret_key);
    memcpy(line, SECRET_PREFIX, START);
    sodium_bin2base64(line + START, KEY_LINE_SIZE - START, secret_key, sizeof secret_key, VARIANT);
    sodium_memzero(secret_key, sizeof secret_key);
}

struct line {
    const char *text;
    size_t length;
    size_t number;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line that is neither empty nor a comment, without the blanks around it. */
static bool next_line(const char **at, const char *end, struct line *line)
{
    while (*at < end) {
        const char *start = *at;
        const char *stop = memchr(start, '\n', (size_t)(end - start));
        *at = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        line->number++;
        while (start < stop && is_blank(*start))
            start++;
        while (stop > start && is_blank(stop[-1]))
            stop--;
        line->text = start;
        line->length = (size_t)(stop - start);
        if (line->length > 0 && *start != '#')
            return true;
    }
    return false;
}

static bool decode(const struct line *line, const char *prefix, unsigned char *bytes, size_t size)
{
    size_t start = strlen(prefix), decoded;
    return line->length > start && memcmp(line->text, prefix, start) == 0 &&
           base64_decode(VARIANT, line->text + start, line->length - start, bytes, size, &decoded) && decoded == size;
}

/*
 * The secret form carries the public key behind the seed. One that does not belong to the seed must
 * not be used: signatures made with such a pair give the secret away.
 */
static bool secret_matches(const unsigned char secret_key[crypto_sign_SECRETKEYBYTES],
                           unsigned char public_key[crypto_sign_PUBLICKEYBYTES])
{
    unsigned char derived[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(public_key, derived, secret_key);
    bool same = sodium_memcmp(derived, secret_key, sizeof derived) == 0;
    sodium_memzero(derived, sizeof derived);
    return same;
}

static bool key_read(const struct line *line, struct key *key, unsigned char secret[crypto_sign_SECRETKEYBYTES])
{
    if (decode(line, SECRET_PREFIX, secret, crypto_sign_SECRETKEYBYTES)) {
        if (!secret_matches(secret, key->public_key))
            return false;
        key->secret_key = secret;
    } else if (!decode(line, PUBLIC_PREFIX, key->public_key, sizeof key->public_key) ||
               !crypto_core_ed25519_is_valid_point(key->public_key)) {
        return false;
    }
    key_id(key->public_key, key->id);
    return true;
}

static struct key_set *set_new(size_t count)
{
    struct key_set *set = calloc(1, sizeof *set + count * sizeof *set->keys);
    if (!set)
        return NULL;
    atomic_init(&set->references, 1);
    set->secrets = sodium_allocarray(count, sizeof *set->secrets);
    if (set->secrets)
        return set;
    free(set);
    return NULL;
}

static size_t count_keys(const char *at, const char *end)
{
    struct line line = {0};
    size_t count = 0;
    while (next_line(&at, end, &line))
        count++;
    return count;
}

int key_set_parse(const char *text, size_t length, const char *name, struct key_set **set, dlg_error **error)
{
    if (sodium_init() < 0)
        return error_set(error, DLG_E_INTERNAL, "libsodium found no source of random numbers");
    size_t count = count_keys(text, text + length);
    if (count == 0)
        return error_set(error, DLG_E_FILE, "%s has no key; add a k4.secret line, or remove it to get a new one", name);
    if (count > KEY_SET_LIMIT)
        return error_set(error, DLG_E_FILE, "%s has more than %d keys; remove the oldest", name, KEY_SET_LIMIT);
    struct key_set *made = set_new(count);
    if (!made)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    const char *at = text;
    struct line line = {0};
    for (; next_line(&at, text + length, &line); made->count++) {
        if (key_read(&line, &made->keys[made->count], made->secrets[made->count]))
            continue;
        key_set_release(made);
        return error_set(error, DLG_E_FILE, "%s, line %zu: no k4.secret or k4.public key; correct or remove the line",
                         name, line.number);
    }
    sodium_mprotect_readonly(made->secrets);
    *set = made;
    return DLG_OK;
}

struct key_set *key_set_hold(struct key_set *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void key_set_release(struct key_set *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
        return;
    sodium_free(set->secrets);
    free(set);
}

const struct key *key_set_signer(const struct key_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->keys[i].secret_key)
            return &set->keys[i];
    return NULL;
}

const struct key *key_set_find(const struct key_set *set, const char *id, size_t length)
{
    for (size_t i = 0; i < set->count; i++)
        if (length == KEY_ID_SIZE - 1 && memcmp(set->keys[i].id, id, length) == 0)
            return &set->keys[i];
    return NULL;
}

size_t key_set_count(const struct key_set *set)
{
    return set->count;
}

size_t key_set_missing(const struct key_set *set, const struct key_set *other)
{
    size_t missing = 0;
    for (size_t i = 0; i < set->count; i++)
        missing += !key_set_find(other, set->keys[i].id, KEY_ID_SIZE - 1);
    return missing;
}
