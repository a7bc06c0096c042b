/*
 * topology.h - which nodes there are and who owns what: kept by asking the first node, now and then and whenever
 * something suggests that the answer has changed. I/O thread only.
 */
#ifndef DIALOGS_TOPOLOGY_H
#define DIALOGS_TOPOLOGY_H

#include "engine/request.h"
#include "pg/node.h"
#include "pg/shard_map.h"

struct engine;

/* What the topology asks of the engine that it belongs to. */
struct topology_events {
    void (*query)(struct engine *engine, struct query *query);   /* runs a query of the topology's own request */
    void (*reroute)(struct engine *engine, struct query *query); /* a query waits nowhere: its node has left */
    void (*map_stale)(struct engine *engine);                    /* the map of shards was found to be old */
};

struct topology {
    struct node **nodes; /* the first is what the conninfo names; the others are workers */
    size_t count;
    bool is_citus;
    bool distributed;       /* `dialogs` has shards; `map` says where */
    bool users_distributed; /* ... and `users` has shards beside them */
    bool hidden;            /* some shards are on nodes that must not be asked directly */
    bool caches_plans;      /* generic plans are right for this cluster */
    struct shard_map map;
    const dlg_settings *settings;
    const struct connection_events *connection_events;
    const struct topology_events *events;
    struct request request; /* the question under way; embedded, never freed */
    bool answered;          /* at least once, were it by an error */
    bool asking;
    bool ask_again;    /* the answer under way may be too old */
    bool renew;        /* the first node's sessions are to be set up anew */
    int64_t ask_at_us; /* the next question; monotonic */
};

/* False when out of memory. Makes the first node. */
bool topology_init(struct topology *topology, struct engine *engine, const char *conninfo, const dlg_settings *settings,
                   const struct connection_events *connection_events, const struct topology_events *events);
void topology_free(struct topology *topology, bool forked);

static inline struct node *topology_first(const struct topology *topology)
{
    return topology->nodes[0];
}

/* Whether it has been found out who owns what, if it can be. */
static inline bool topology_known(const struct topology *topology)
{
    return topology->answered || !topology->is_citus;
}

/* The shard that the rows of the query are in; NULL when that is not known, or when they are in no single one. */
const struct shard *topology_shard(const struct topology *topology, const struct query *query);

/* The node that has the shard; the first one for NULL, and when nobody has it. */
struct node *topology_owner(const struct topology *topology, const struct shard *shard);

/* The session of a first node is up: it is or is not a Citus node. */
void topology_learn(struct topology *topology, bool is_citus, int64_t now_us);

/* Something suggests that the map is old: asks soon. */
void topology_suspect(struct topology *topology, int64_t now_us);

/* Asks now: the map has changed, or there is a first one. */
void topology_refresh(struct topology *topology, int64_t now_us);

/* Asks when it is time; frees workers that have left and have nothing under way. */
void topology_run(struct topology *topology, int64_t now_us);

/* When topology_run() has something to do; INT64_MAX: never. */
int64_t topology_next(const struct topology *topology);

#endif
