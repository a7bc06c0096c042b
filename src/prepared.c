#include "prepared.h"

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

/* ---- The set: open addressing, with room for twice as many ---- */

/* The entry, or the free one where it would be. */
static struct preparation *entry_of(const struct prepared *prepared, const struct preparation *preparation)
{
    size_t hash = (size_t)preparation->shard * 64 + (size_t)statement_index(preparation->statement) * 2;
    for (size_t i = hash + preparation->rows;; i++) {
        struct preparation *entry = &prepared->entries[i & (prepared->room - 1)];
        if (!entry->statement || preparation_equal(entry, preparation))
            return entry;
    }
}

bool prepared_has(const struct prepared *prepared, const struct preparation *preparation)
{
    return prepared->count && entry_of(prepared, preparation)->statement;
}

/* Moves all but `without` into new memory. */
static bool rebuild(struct prepared *prepared, size_t room, const struct preparation *without)
{
    struct prepared made = {calloc(room, sizeof *made.entries), room, 0};
    if (!made.entries)
        return false;
    for (size_t i = 0; i < prepared->room; i++) {
        const struct preparation *entry = &prepared->entries[i];
        if (!entry->statement || (without && preparation_equal(entry, without)))
            continue;
        *entry_of(&made, entry) = *entry;
        made.count++;
    }
    free(prepared->entries);
    *prepared = made;
    return true;
}

bool prepared_add(struct prepared *prepared, const struct preparation *preparation)
{
    if (2 * (prepared->count + 1) > prepared->room &&
        !rebuild(prepared, prepared->room ? 2 * prepared->room : 32, NULL))
        return false;
    struct preparation *entry = entry_of(prepared, preparation);
    prepared->count += !entry->statement;
    *entry = *preparation;
    return true;
}

void prepared_remove(struct prepared *prepared, const struct preparation *preparation)
{
    if (prepared_has(prepared, preparation) && !rebuild(prepared, prepared->room, preparation))
        prepared_clear(prepared); /* what is there already is prepared in vain then, and refused */
}

void prepared_clear(struct prepared *prepared)
{
    free(prepared->entries);
    *prepared = (struct prepared){0};
}
