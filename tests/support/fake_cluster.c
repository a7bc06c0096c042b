#include "fake_cluster.h"

#include "check.h"
#include "pg/shard_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_world *fake_world_new(bool is_citus)
{
    struct fake_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    pthread_mutex_init(&world->lock, NULL);
    world->is_citus = is_citus;
    world->shards = is_citus ? FAKE_SHARDS : 0;
    snprintf(world->citus_version, sizeof world->citus_version, "Citus 13.2.0 on x86_64-pc-linux-gnu");
    return world;
}

void fake_world_free(struct fake_world *world)
{
    for (int i = 0; i < world->messages; i++)
        free(world->message[i].text);
    pthread_mutex_destroy(&world->lock);
    free(world);
}

/* ---- Shards ---- */

int32_t fake_shard_least(int shard)
{
    return (int32_t)(INT32_MIN + (INT64_C(1) << 32) / FAKE_SHARDS * shard);
}

int32_t fake_shard_most(int shard)
{
    return (int32_t)(INT32_MIN + (INT64_C(1) << 32) / FAKE_SHARDS * (shard + 1) - 1);
}

void fake_shard_move(struct fake_world *world, int shard, int32_t group)
{
    pthread_mutex_lock(&world->lock);
    world->groups[shard] = group;
    pthread_mutex_unlock(&world->lock);
}

dlg_uuid fake_user_in(int shard)
{
    dlg_uuid user;
    do
        dlg_uuid_random(&user);
    while (shard_hash(&user) < fake_shard_least(shard) || shard_hash(&user) > fake_shard_most(shard));
    return user;
}

/* ---- Messages ---- */

const struct fake_message *fake_message_find(const struct fake_world *world, int64_t id, const dlg_uuid *recipient)
{
    for (int i = 0; i < world->messages; i++) {
        const struct fake_message *message = &world->message[i];
        if (message->id == id && dlg_uuid_compare(&message->recipient, recipient) == 0)
            return message;
    }
    return NULL;
}

bool fake_message_add(struct fake_world *world, const struct fake_message *message)
{
    pthread_mutex_lock(&world->lock);
    bool is_new = !fake_message_find(world, message->id, &message->recipient);
    if (is_new) {
        if (world->messages == FAKE_MESSAGES)
            abort(); /* on a thread that cannot fail the test */
        world->message[world->messages] = *message;
        world->message[world->messages++].text = strdup(message->text);
    }
    pthread_mutex_unlock(&world->lock);
    return is_new;
}

void fake_commit(struct fake_world *world, int64_t owner)
{
    pthread_mutex_lock(&world->lock);
    for (int i = 0; i < world->messages; i++)
        if (world->message[i].owner == owner)
            world->message[i].owner = 0;
    pthread_mutex_unlock(&world->lock);
}

void fake_rollback(struct fake_world *world, int64_t owner)
{
    pthread_mutex_lock(&world->lock);
    int kept = 0;
    for (int i = 0; i < world->messages; i++) {
        if (world->message[i].owner == owner)
            free(world->message[i].text);
        else
            world->message[kept++] = world->message[i];
    }
    world->messages = kept;
    pthread_mutex_unlock(&world->lock);
}

int fake_stored(struct fake_world *world, const char *text)
{
    int count = 0;
    pthread_mutex_lock(&world->lock);
    for (int i = 0; i < world->messages; i++)
        count += !world->message[i].owner && (!text || strcmp(world->message[i].text, text) == 0);
    pthread_mutex_unlock(&world->lock);
    return count;
}

/* ---- A cluster ---- */

void fake_cluster_start(struct fake_cluster *cluster, int workers)
{
    *cluster = (struct fake_cluster){.world = fake_world_new(true), .count = workers + 1};
    assert_true(cluster->count <= FAKE_NODES);
    for (int shard = 0; shard < FAKE_SHARDS; shard++)
        cluster->world->groups[shard] = workers ? 1 + shard % workers : 0;
    for (int i = 0; i < cluster->count; i++)
        cluster->nodes[i] = fake_start(cluster->world, i);
}

void fake_cluster_stop(struct fake_cluster *cluster)
{
    for (int i = 0; i < cluster->count; i++)
        fake_stop(cluster->nodes[i]);
    fake_world_free(cluster->world);
}
