#include "token/token_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One entry per place; a newer token drives an older one out. Each lock guards every STRIPES-th entry. */
enum { ENTRIES = 16384, STRIPES = 32 };

struct entry {
    struct token_digest digest;
    uint64_t generation; /* 0: empty */
    struct claims claims;
    int64_t asked_us; /* see token_cache_mark() */
};

struct token_cache {
    unsigned char key[crypto_generichash_KEYBYTES]; /* nobody can aim at an entry */
    pthread_mutex_t locks[STRIPES];
    struct entry entries[ENTRIES];
};

struct token_cache *token_cache_new(void)
{
    struct token_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    randombytes_buf(cache->key, sizeof cache->key);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_init(&cache->locks[i], NULL);
    return cache;
}

void token_cache_free(struct token_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&cache->locks[i]);
    sodium_memzero(cache, sizeof *cache);
    free(cache);
}

void token_cache_digest(const struct token_cache *cache, const char *token, size_t length, struct token_digest *digest)
{
    crypto_generichash(digest->bytes, sizeof digest->bytes, (const unsigned char *)token, length, cache->key,
                       sizeof cache->key);
}

static size_t place(const struct token_digest *digest)
{
    return ((size_t)digest->bytes[0] << 8 | digest->bytes[1]) % ENTRIES;
}

bool token_cache_find(struct token_cache *cache, const struct token_digest *digest, uint64_t generation,
                      struct claims *claims)
{
    size_t index = place(digest);
    const struct entry *entry = &cache->entries[index];
    pthread_mutex_lock(&cache->locks[index % STRIPES]);
    bool found = entry->generation == generation && sodium_memcmp(&entry->digest, digest, sizeof *digest) == 0;
    if (found)
        *claims = entry->claims;
    pthread_mutex_unlock(&cache->locks[index % STRIPES]);
    return found;
}

void token_cache_add(struct token_cache *cache, const struct token_digest *digest, uint64_t generation,
                     const struct claims *claims)
{
    size_t index = place(digest);
    pthread_mutex_lock(&cache->locks[index % STRIPES]);
    cache->entries[index] = (struct entry){*digest, generation, *claims, 0};
    pthread_mutex_unlock(&cache->locks[index % STRIPES]);
}

static bool is_of(const struct entry *entry, const struct token_digest *digest)
{
    return entry->generation && sodium_memcmp(&entry->digest, digest, sizeof *digest) == 0;
}

void token_cache_mark(struct token_cache *cache, const struct token_digest *digest, int64_t asked_us)
{
    size_t index = place(digest);
    pthread_mutex_lock(&cache->locks[index % STRIPES]);
    if (is_of(&cache->entries[index], digest))
        cache->entries[index].asked_us = asked_us;
    pthread_mutex_unlock(&cache->locks[index % STRIPES]);
}

bool token_cache_is_marked(struct token_cache *cache, const struct token_digest *digest, int64_t since_us)
{
    size_t index = place(digest);
    const struct entry *entry = &cache->entries[index];
    pthread_mutex_lock(&cache->locks[index % STRIPES]);
    bool marked = is_of(entry, digest) && entry->asked_us && entry->asked_us >= since_us;
    pthread_mutex_unlock(&cache->locks[index % STRIPES]);
    return marked;
}
