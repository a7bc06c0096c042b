#include "pg/prepared.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

bool preparation_equal(const struct preparation *a, const struct preparation *b)
{
    return a->statement == b->statement && a->rows == b->rows && a->shard == b->shard;
}

const char *preparation_name(const struct preparation *preparation, char name[PREPARATION_NAME])
{
    const struct statement *statement = preparation->statement;
    if (!preparation->shard)
        return preparation->rows ? statement->rows_name : statement->name;
    snprintf(name, PREPARATION_NAME, "%s_%lld", statement->name, (long long)preparation->shard);
    return name;
}

const char *preparation_sql(const struct preparation *preparation, char sql[PREPARATION_SQL])
{
    const struct statement *statement = preparation->statement;
    if (!preparation->shard)
        return preparation->rows ? statement->rows_sql : statement->sql;
    statement_shard_sql(statement, preparation->shard, sql, PREPARATION_SQL);
    return sql;
}

char *preparation_commented_sql(const struct preparation *preparation)
{
    char sql[PREPARATION_SQL], *commented;
    int length =
        asprintf(&commented, "/* libdialogs %s */ %s", preparation->statement->name, preparation_sql(preparation, sql));
    return length < 0 ? NULL : commented;
}

/* ---- The set: open addressing, with room for twice as many ---- */

/* By Fibonacci hashing (Knuth, volume 3, 6.4): shards come in rows of consecutive numbers, each with the same few
 * statements. */
static size_t hash_of(const struct preparation *preparation)
{
    uint64_t key = (uint64_t)preparation->shard * 64 + (uint64_t)statement_index(preparation->statement) * 2;
    return (size_t)((key + preparation->rows) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

/* The entry, or the free one where it would be. */
static struct preparation *entry_of(const struct prepared *prepared, const struct preparation *preparation)
{
    for (size_t i = hash_of(preparation);; i++) {
        struct preparation *entry = &prepared->entries[i & (prepared->room - 1)];
        if (!entry->statement || preparation_equal(entry, preparation))
            return entry;
    }
}

bool prepared_has(const struct prepared *prepared, const struct preparation *preparation)
{
    return prepared->count && entry_of(prepared, preparation)->statement;
}

static bool grow(struct prepared *prepared)
{
    size_t room = prepared->room ? 2 * prepared->room : 32;
    struct prepared made = {calloc(room, sizeof *made.entries), room, prepared->count};
    if (!made.entries)
        return false;
    for (size_t i = 0; i < prepared->room; i++)
        if (prepared->entries[i].statement)
            *entry_of(&made, &prepared->entries[i]) = prepared->entries[i];
    free(prepared->entries);
    *prepared = made;
    return true;
}

bool prepared_add(struct prepared *prepared, const struct preparation *preparation)
{
    if (2 * (prepared->count + 1) > prepared->room && !grow(prepared))
        return false;
    struct preparation *entry = entry_of(prepared, preparation);
    prepared->count += !entry->statement;
    *entry = *preparation;
    return true;
}

/* What follows up to the next free entry is put anew, since it may be where it is only because this one was in its way.
 */
void prepared_remove(struct prepared *prepared, const struct preparation *preparation)
{
    if (!prepared_has(prepared, preparation))
        return;
    struct preparation *entry = entry_of(prepared, preparation);
    size_t at = (size_t)(entry - prepared->entries);
    *entry = (struct preparation){0};
    prepared->count--;
    while ((entry = &prepared->entries[++at & (prepared->room - 1)])->statement) {
        struct preparation moved = *entry;
        *entry = (struct preparation){0};
        *entry_of(prepared, &moved) = moved;
    }
}

void prepared_clear(struct prepared *prepared)
{
    free(prepared->entries);
    *prepared = (struct prepared){0};
}
