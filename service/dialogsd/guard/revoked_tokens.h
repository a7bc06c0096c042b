/* tokens.h - tokens that were revoked before their time, by POST /logout. */
#ifndef DIALOGSD_TOKENS_H
#define DIALOGSD_TOKENS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A hash of the token: who finds it has not found the token. */
struct token_name {
    uint8_t bytes[16];
};

struct token_entry {
    struct token_name name;
    int64_t until_us; /* 0: the entry is free */
};

struct tokens {
    pthread_rwlock_t lock;
    struct token_entry *entries; /* open addressing; NULL when there are none */
    size_t room;                 /* a power of two */
    size_t count;
};

void tokens_open(struct tokens *tokens);
void tokens_close(struct tokens *tokens);

struct token_name token_name(const char *token, size_t length);

/* Until its end, when it is no good anyway. */
void tokens_revoke(struct tokens *tokens, const struct token_name *name, int64_t until_us);
bool tokens_are_revoked(struct tokens *tokens, const struct token_name *name);

size_t tokens_count(struct tokens *tokens);

/* Forgets those that have expired. Now and then. */
void tokens_sweep(struct tokens *tokens, int64_t now_us);

#endif
