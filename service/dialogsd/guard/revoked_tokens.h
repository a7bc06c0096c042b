/* revoked_tokens.h - tokens that were revoked before their time, by POST /logout, and tickets that were used. */
#ifndef DIALOGSD_REVOKED_TOKENS_H
#define DIALOGSD_REVOKED_TOKENS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A hash of the token: who finds it has not found the token. */
struct token_hash {
    uint8_t bytes[16];
};

struct revoked_token {
    struct token_hash name;
    int64_t until_us; /* 0: the entry is free */
};

struct revoked_tokens {
    pthread_rwlock_t lock;
    struct revoked_token *entries; /* open addressing; NULL when there are none */
    size_t room;                   /* a power of two */
    size_t count;
};

void revoked_tokens_open(struct revoked_tokens *tokens);
void revoked_tokens_close(struct revoked_tokens *tokens);

struct token_hash token_hash(const char *token, size_t length);

/* Until its end, when it is no good anyway. False when it was there before, or out of memory. */
bool revoked_tokens_add(struct revoked_tokens *tokens, const struct token_hash *name, int64_t until_us);
bool revoked_tokens_contain(struct revoked_tokens *tokens, const struct token_hash *name);

size_t revoked_tokens_count(struct revoked_tokens *tokens);

/* Forgets those that have expired. Now and then. */
void revoked_tokens_sweep(struct revoked_tokens *tokens, int64_t now_us);

#endif
