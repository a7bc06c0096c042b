#include "guard/revoked_tokens.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void revoked_tokens_open(struct revoked_tokens *tokens)
{
    *tokens = (struct revoked_tokens){0};
    pthread_rwlock_init(&tokens->lock, NULL);
}

void revoked_tokens_close(struct revoked_tokens *tokens)
{
    pthread_rwlock_destroy(&tokens->lock);
    free(tokens->entries);
}

struct token_hash token_hash(const char *token, size_t length)
{
    struct token_hash name;
    crypto_generichash(name.bytes, sizeof name.bytes, (const unsigned char *)token, length, NULL, 0);
    return name;
}

/* The entry of the name, or a free one where it would be. */
static struct revoked_token *find_token(struct revoked_token *entries, size_t room, const struct token_hash *name)
{
    uint64_t hash;
    memcpy(&hash, name->bytes, sizeof hash);
    for (size_t i = hash & (room - 1);; i = (i + 1) & (room - 1))
        if (!entries[i].until_us || memcmp(&entries[i].name, name, sizeof *name) == 0)
            return &entries[i];
}

/* Moves what is good beyond `now_us` into a table with room for as many again. */
static bool rebuild(struct revoked_tokens *tokens, int64_t now_us)
{
    size_t room = 64, count = 0;
    while (room < 4 * (tokens->count + 1))
        room *= 2;
    struct revoked_token *entries = calloc(room, sizeof *entries);
    if (!entries)
        return false;
    for (size_t i = 0; i < tokens->room; i++) {
        if (tokens->entries[i].until_us > now_us) {
            *find_token(entries, room, &tokens->entries[i].name) = tokens->entries[i];
            count++;
        }
    }
    free(tokens->entries);
    tokens->entries = entries;
    tokens->room = room;
    tokens->count = count;
    return true;
}

bool revoked_tokens_add(struct revoked_tokens *tokens, const struct token_hash *name, int64_t until_us)
{
    pthread_rwlock_wrlock(&tokens->lock);
    bool room = 2 * tokens->count < tokens->room || rebuild(tokens, 0) || tokens->count + 1 < tokens->room;
    struct revoked_token *entry = room ? find_token(tokens->entries, tokens->room, name) : NULL;
    bool added = entry && !entry->until_us;
    if (entry) {
        tokens->count += added;
        *entry = (struct revoked_token){*name, until_us > entry->until_us ? until_us : entry->until_us};
    }
    pthread_rwlock_unlock(&tokens->lock);
    return added;
}

bool revoked_tokens_contain(struct revoked_tokens *tokens, const struct token_hash *name)
{
    pthread_rwlock_rdlock(&tokens->lock);
    bool revoked = tokens->count && find_token(tokens->entries, tokens->room, name)->until_us;
    pthread_rwlock_unlock(&tokens->lock);
    return revoked;
}

size_t revoked_tokens_count(struct revoked_tokens *tokens)
{
    pthread_rwlock_rdlock(&tokens->lock);
    size_t count = tokens->count;
    pthread_rwlock_unlock(&tokens->lock);
    return count;
}

void revoked_tokens_sweep(struct revoked_tokens *tokens, int64_t now_us)
{
    pthread_rwlock_wrlock(&tokens->lock);
    if (tokens->count)
        rebuild(tokens, now_us);
    pthread_rwlock_unlock(&tokens->lock);
}
