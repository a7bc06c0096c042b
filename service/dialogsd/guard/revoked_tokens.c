#include "guard/revoked_tokens.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void tokens_open(struct tokens *tokens)
{
    *tokens = (struct tokens){0};
    pthread_rwlock_init(&tokens->lock, NULL);
}

void tokens_close(struct tokens *tokens)
{
    pthread_rwlock_destroy(&tokens->lock);
    free(tokens->entries);
}

struct token_name token_name(const char *token, size_t length)
{
    struct token_name name;
    crypto_generichash(name.bytes, sizeof name.bytes, (const unsigned char *)token, length, NULL, 0);
    return name;
}

/* The entry of the name, or a free one where it would be. */
static struct token_entry *find(struct token_entry *entries, size_t room, const struct token_name *name)
{
    uint64_t hash;
    memcpy(&hash, name->bytes, sizeof hash);
    for (size_t i = hash & (room - 1);; i = (i + 1) & (room - 1))
        if (!entries[i].until_us || memcmp(&entries[i].name, name, sizeof *name) == 0)
            return &entries[i];
}

/* Moves what is good beyond `now_us` into a table with room for as many again. */
static bool rebuild(struct tokens *tokens, int64_t now_us)
{
    size_t room = 64, count = 0;
    while (room < 4 * (tokens->count + 1))
        room *= 2;
    struct token_entry *entries = calloc(room, sizeof *entries);
    if (!entries)
        return false;
    for (size_t i = 0; i < tokens->room; i++) {
        if (tokens->entries[i].until_us > now_us) {
            *find(entries, room, &tokens->entries[i].name) = tokens->entries[i];
            count++;
        }
    }
    free(tokens->entries);
    tokens->entries = entries;
    tokens->room = room;
    tokens->count = count;
    return true;
}

void tokens_revoke(struct tokens *tokens, const struct token_name *name, int64_t until_us)
{
    pthread_rwlock_wrlock(&tokens->lock);
    bool room = 2 * tokens->count < tokens->room || rebuild(tokens, 0) || tokens->count + 1 < tokens->room;
    struct token_entry *entry = room ? find(tokens->entries, tokens->room, name) : NULL;
    if (entry) {
        tokens->count += !entry->until_us;
        *entry = (struct token_entry){*name, until_us > entry->until_us ? until_us : entry->until_us};
    }
    pthread_rwlock_unlock(&tokens->lock);
}

bool tokens_are_revoked(struct tokens *tokens, const struct token_name *name)
{
    pthread_rwlock_rdlock(&tokens->lock);
    bool revoked = tokens->count && find(tokens->entries, tokens->room, name)->until_us;
    pthread_rwlock_unlock(&tokens->lock);
    return revoked;
}

size_t tokens_count(struct tokens *tokens)
{
    pthread_rwlock_rdlock(&tokens->lock);
    size_t count = tokens->count;
    pthread_rwlock_unlock(&tokens->lock);
    return count;
}

void tokens_sweep(struct tokens *tokens, int64_t now_us)
{
    pthread_rwlock_wrlock(&tokens->lock);
    if (tokens->count)
        rebuild(tokens, now_us);
    pthread_rwlock_unlock(&tokens->lock);
}
