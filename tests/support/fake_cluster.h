/*
 * fake_cluster.h - what several fake servers have in common: the messages, and, of a cluster, the shards. Each fake
 * answers as the node of its group does; the first, of group 0, is the coordinator.
 */
#ifndef TEST_FAKE_CLUSTER_H
#define TEST_FAKE_CLUSTER_H

#include "fake_server.h"

#include <dialogs.h>
#include <pthread.h>

enum { FAKE_NODES = 4, FAKE_SHARDS = 4, FAKE_MESSAGES = 4096 };

/* The first shard's number; the others follow. */
enum { FAKE_FIRST_SHARD = 102008 };

struct fake_message {
    int64_t id;
    dlg_uuid author, recipient;
    char *text;
    int64_t created_us;
    int64_t owner; /* the connection that has not committed it yet; 0: committed */
};

struct fake_world {
    pthread_mutex_t lock;
    bool is_citus;
    char citus_version[64];
    int nodes; /* their groups are 0 to nodes - 1 */
    char hosts[FAKE_NODES][64];
    int ports[FAKE_NODES];
    int shards;
    int32_t groups[FAKE_SHARDS]; /* where each shard is; the ranges are of equal size */
    int messages;
    struct fake_message message[FAKE_MESSAGES];
};

struct fake_world *fake_world_new(bool is_citus);
void fake_world_free(struct fake_world *world);

/* The least and the greatest hash of a shard. */
int32_t fake_shard_least(int shard);
int32_t fake_shard_most(int shard);

/* Moves a shard to another node. */
void fake_shard_move(struct fake_world *world, int shard, int32_t group);

/* A random user whose shard is this one. */
dlg_uuid fake_user_in(int shard);

/* ---- Messages ---- */

/* False: there is one of this id for this recipient. Takes copies. */
bool fake_message_add(struct fake_world *world, const struct fake_message *message);

/* With the lock held: the message of this id for this recipient, or NULL. */
const struct fake_message *fake_message_find(const struct fake_world *world, int64_t id, const dlg_uuid *recipient);

/* What the connection has written is there for all, or is gone. */
void fake_commit(struct fake_world *world, int64_t owner);
void fake_rollback(struct fake_world *world, int64_t owner);

/* How many messages are committed; those with this text only, unless it is NULL. */
int fake_stored(struct fake_world *world, const char *text);

/* ---- A cluster ---- */

struct fake_cluster {
    struct fake_world *world;
    struct fake *nodes[FAKE_NODES]; /* the first is the coordinator */
    int count;
};

/* A coordinator and workers; shard i is on worker 1 + i % workers. */
void fake_cluster_start(struct fake_cluster *cluster, int workers);
void fake_cluster_stop(struct fake_cluster *cluster);

#endif
