#include "pg/shard_map.h"

#include <stdlib.h>
#include <string.h>

/* ---- The hash: Bob Jenkins's lookup3, as PostgreSQL has it ---- */

static uint32_t rotate(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static void jenkins_mix(uint32_t *a, uint32_t *b, uint32_t *c)
{
    static const int bits[] = {4, 6, 8, 16, 19, 4};
    uint32_t *words[] = {a, b, c};
    for (int i = 0; i < 6; i++) {
        uint32_t *x = words[i % 3];
        uint32_t *y = words[(i + 1) % 3];
        uint32_t *z = words[(i + 2) % 3];
        *x -= *z;
        *x ^= rotate(*z, bits[i]);
        *z += *y;
    }
}

static uint32_t final(uint32_t a, uint32_t b, uint32_t c)
{
    static const int bits[] = {14, 11, 25, 16, 4, 14, 24};
    uint32_t words[] = {c, a, b};
    for (int i = 0; i < 7; i++) {
        uint32_t from = words[(i + 2) % 3];
        words[i % 3] ^= from;
        words[i % 3] -= rotate(from, bits[i]);
    }
    return words[0];
}

int32_t shard_hash(const dlg_uuid *uuid)
{
    uint32_t words[4]; /* in the byte order of the server, which is little-endian wherever Citus runs */
    memcpy(words, uuid->bytes, sizeof words);
    uint32_t a, b, c;
    a = b = c = 0x9e3779b9u + 16u + 3923095u;
    a += words[0];
    b += words[1];
    c += words[2];
    jenkins_mix(&a, &b, &c);
    a += words[3];
    return (int32_t) final(a, b, c);
}

/* ---- The map ---- */

static int shard_compare(const void *a, const void *b)
{
    const struct shard *x = a, *y = b;
    return x->least < y->least ? -1 : x->least > y->least;
}

bool shard_map_sort(struct shard_map *map)
{
    if (map->count)
        qsort(map->shards, map->count, sizeof *map->shards, shard_compare);
    for (size_t i = 0; i < map->count; i++)
        if (map->shards[i].least > map->shards[i].most || (i && map->shards[i - 1].most >= map->shards[i].least))
            return false;
    return true;
}

const struct shard *shard_map_find(const struct shard_map *map, const dlg_uuid *user)
{
    int32_t hash = shard_hash(user);
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->shards[middle].most < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low < map->count && map->shards[low].least <= hash ? &map->shards[low] : NULL;
}

bool shard_map_equal(const struct shard_map *a, const struct shard_map *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        const struct shard *x = &a->shards[i], *y = &b->shards[i];
        equal = x->id == y->id && x->least == y->least && x->most == y->most && x->group == y->group;
    }
    return equal;
}
