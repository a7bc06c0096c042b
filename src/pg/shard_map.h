/*
 * shard_map.h - uuid -> hash -> shard range -> node, as Citus has it in pg_dist_shard and pg_dist_placement.
 * A hint, never a matter of correctness: any node of a cluster answers any query.
 */
#ifndef DIALOGS_SHARD_MAP_H
#define DIALOGS_SHARD_MAP_H

#include <dialogs.h>
#include <stdbool.h>

/* PostgreSQL's uuid_hash(): hash_bytes() of src/common/hashfn.c over the 16 bytes. */
int32_t shard_hash(const dlg_uuid *uuid);

struct shard {
    int64_t id;
    int32_t least; /* hashes, both inclusive */
    int32_t most;
    int32_t group; /* Citus's number of the node that holds it */
    int64_t row;   /* the version of its placement's row; 0: the move that made it is not over */
};

/* Shards in the order of their ranges. */
struct shard_map {
    size_t count;
    struct shard *shards;
};

/* Puts the shards in order. False: ranges overlap, so that this is no map. */
bool shard_map_sort(struct shard_map *map);

/* The shard that a user's rows are in; NULL when the map has a hole there. */
const struct shard *shard_map_find(const struct shard_map *map, const dlg_uuid *user);

bool shard_map_equal(const struct shard_map *a, const struct shard_map *b);

#endif
