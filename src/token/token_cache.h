/*
 * token_cache.h - tokens that were verified lately: one keyed hash in the place of a signature check.
 * It serves one keyring and one issuer.
 */
#ifndef DIALOGS_TOKEN_CACHE_H
#define DIALOGS_TOKEN_CACHE_H

#include "token/claims.h"

struct token_cache;

enum { TOKEN_DIGEST_SIZE = 32 };

struct token_digest {
    unsigned char bytes[TOKEN_DIGEST_SIZE];
};

struct token_cache *token_cache_new(void); /* NULL when out of memory */
void token_cache_free(struct token_cache *cache);

/* What follows: any thread. */
void token_cache_digest(const struct token_cache *cache, const char *token, size_t length, struct token_digest *digest);

/* What the token says, if it was verified with the keys of this generation. */
bool token_cache_find(struct token_cache *cache, const struct token_digest *digest, uint64_t generation,
                      struct claims *claims);

/* `generation` is the one that was read before the token was verified. */
void token_cache_add(struct token_cache *cache, const struct token_digest *digest, uint64_t generation,
                     const struct claims *claims);

/* The database was asked at that moment, and had nothing against the token; 0: it is to be asked again. */
void token_cache_mark(struct token_cache *cache, const struct token_digest *digest, int64_t asked_us);

/* Whether it was asked at that moment, or later. */
bool token_cache_is_marked(struct token_cache *cache, const struct token_digest *digest, int64_t since_us);

#endif
