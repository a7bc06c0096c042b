#include "engine/topology.h"

#include "base/clock.h"
#include "base/log.h"
#include "pg/citus.h"
#include "pg/node_address.h"

#include <stdlib.h>
#include <string.h>

/*
 * Often enough that a shard that was moved costs a hop for a moment only; one small query. A plain database is asked
 * whether it has become a cluster.
 */
enum { ASK_EVERY_US = 5000000, ASK_SOON_US = 200000, ASK_PLAIN_EVERY_US = 30000000 };

enum {
    COLUMN_SHARD,
    COLUMN_LEAST,
    COLUMN_MOST,
    COLUMN_GROUP,
    COLUMN_HOST,
    COLUMN_PORT,
    COLUMN_VERSION,
    COLUMN_USERS,
    COLUMN_ROW
};

static struct topology *topology_of(struct request *request)
{
    return (struct topology *)((char *)request - offsetof(struct topology, request));
}

static struct node *topology_add(struct topology *topology, const char *conninfo)
{
    struct node **nodes = realloc(topology->nodes, (topology->count + 1) * sizeof *nodes);
    if (!nodes)
        return NULL;
    topology->nodes = nodes;
    struct node *node = malloc(sizeof *node);
    if (!node)
        return NULL;
    if (!node_init(node, topology->request.engine, conninfo, topology->settings, topology->connection_events)) {
        node_free(node);
        free(node);
        return NULL;
    }
    nodes[topology->count++] = node;
    return node;
}

bool topology_init(struct topology *topology, struct engine *engine, const char *conninfo, const dlg_settings *settings,
                   const struct connection_events *connection_events, const struct topology_events *events)
{
    *topology = (struct topology){.settings = settings,
                                  .connection_events = connection_events,
                                  .events = events,
                                  .caches_plans = true,
                                  .ask_at_us = INT64_MAX};
    topology->request.engine = engine;
    topology->request.deadline_us = INT64_MAX;
    atomic_init(&topology->request.references, 1);
    return topology_add(topology, conninfo) != NULL;
}

void topology_free(struct topology *topology, bool forked)
{
    for (size_t i = 0; i < topology->count; i++) {
        if (forked) {
            node_forget(topology->nodes[i]);
            continue;
        }
        node_free(topology->nodes[i]);
        free(topology->nodes[i]);
    }
    if (forked)
        return;
    free(topology->nodes);
    free(topology->map.shards);
    query_clear(&topology->request.queries[0]);
    dlg_error_free(topology->request.last_error);
}

const struct shard *topology_shard(const struct topology *topology, const struct query *query)
{
    bool known = query->route && (query->statement->users ? topology->users_distributed : topology->distributed);
    return known ? shard_map_find(&topology->map, query->route) : NULL;
}

struct node *topology_owner(const struct topology *topology, const struct shard *shard)
{
    for (size_t i = 0; shard && i < topology->count; i++)
        if (topology->nodes[i]->group == shard->group && !topology->nodes[i]->retired)
            return topology->nodes[i];
    return topology_first(topology);
}

/* ---- Reading the answer ---- */

static bool map_read(const struct query *query, struct shard_map *map)
{
    map->count = (size_t)query_rows(query);
    map->shards = calloc(map->count + 1, sizeof *map->shards);
    if (!map->shards)
        return false;
    for (size_t i = 0; i < map->count; i++) {
        struct shard *shard = &map->shards[i];
        shard->id = query_int64(query, (int)i, COLUMN_SHARD);
        shard->least = query_int32(query, (int)i, COLUMN_LEAST);
        shard->most = query_int32(query, (int)i, COLUMN_MOST);
        shard->group = query_int32(query, (int)i, COLUMN_GROUP);
        shard->row = query_int64(query, (int)i, COLUMN_ROW);
    }
    return shard_map_sort(map);
}

static struct node *topology_named(const struct topology *topology, const char *name)
{
    for (size_t i = 1; i < topology->count; i++)
        if (strcmp(topology->nodes[i]->name, name) == 0)
            return topology->nodes[i];
    return NULL;
}

static void worker_add(struct topology *topology, const char *name)
{
    PGconn *conn = node_connection(topology_first(topology));
    char *conninfo = conn ? node_address_conninfo(topology->settings, conn, name) : NULL;
    struct node *node = conninfo ? topology_add(topology, conninfo) : NULL;
    free(conninfo);
    if (node)
        node->name = strdup(name);
    if (node && !node->name) {
        topology->count--;
        node_free(node);
        free(node);
    }
}

static void worker_update(const struct topology *topology, struct node *node, int32_t group)
{
    if (node->group != -1 && node->group != group) {
        dlg_error *why = NULL;
        error_set(&why, DLG_E_UNAVAILABLE, "node %s was removed and added again", node->name);
        node_break(node, why);
        dlg_error_free(why);
    }
    node->group = group;
    node->custom_plans = !topology->caches_plans;
    node->retired = false;
}

/* Row by row: workers that are new, workers that are known still. */
static void workers_read(struct topology *topology, const struct query *query)
{
    topology->hidden = false;
    for (size_t i = 1; i < topology->count; i++)
        topology->nodes[i]->retired = true;
    for (int row = 0; row < query_rows(query); row++) {
        char name[NODE_ADDRESS_SIZE];
        const char *host = query_text(query, row, COLUMN_HOST, NULL);
        int32_t group = query_int32(query, row, COLUMN_GROUP);
        if (group == 0)
            continue; /* the coordinator, which the conninfo names */
        topology->hidden |= !host;
        if (!host)
            continue;
        node_address_name(host, query_int32(query, row, COLUMN_PORT), name, sizeof name);
        if (!topology_named(topology, name))
            worker_add(topology, name);
        struct node *node = topology_named(topology, name);
        if (node)
            worker_update(topology, node, group);
    }
}

/* What a node that has left the metadata still has waiting is for others now. */
static void retired_release(struct topology *topology)
{
    for (size_t i = 1; i < topology->count; i++) {
        struct node *node = topology->nodes[i];
        struct query *query;
        while (node->retired && ((query = queue_pop(&node->reads)) || (query = queue_pop(&node->writes))))
            topology->events->reroute(topology->request.engine, query);
    }
}

static void citus_version_read(struct topology *topology, const struct query *query)
{
    const char *version = query_rows(query) ? query_text(query, 0, COLUMN_VERSION, NULL) : NULL;
    if (version)
        topology->caches_plans = citus_caches_plans(version);
}

static void answer_take(struct topology *topology, const struct query *query)
{
    struct shard_map map = {0};
    citus_version_read(topology, query);
    if (!map_read(query, &map)) {
        free(map.shards);
        return;
    }
    if (topology->distributed && !shard_map_equal(&map, &topology->map))
        topology->events->map_stale(topology->request.engine);
    if (!shard_map_equal(&map, &topology->map))
        LOG(topology->settings, DLG_LOG_LEVEL_INFO, "topology", "a new map: %zu shards", map.count);
    free(topology->map.shards);
    topology->map = map;
    topology->distributed = map.count > 0;
    topology->users_distributed = map.count > 0 && query_bool(query, 0, COLUMN_USERS);
    workers_read(topology, query);
    retired_release(topology);
}

/* ---- Asking ---- */

static void topology_answered(struct request *request)
{
    struct topology *topology = topology_of(request);
    struct query *query = &request->queries[0];
    int64_t pause_us = topology->is_citus ? ASK_EVERY_US : ASK_PLAIN_EVERY_US;
    topology->asking = false;
    topology->answered = true;
    topology->ask_at_us = clock_monotonic_us() + (topology->ask_again ? 0 : pause_us);
    topology->ask_again = false;
    if (!query->error && topology->is_citus)
        answer_take(topology, query);
    else if (!query->error)
        topology->renew = query_bool(query, 0, 0);
    query_clear(query);
}

static void topology_ask(struct topology *topology)
{
    struct request *request = &topology->request;
    topology->asking = true;
    query_init(&request->queries[0], request, topology->is_citus ? STATEMENT_SHARD_MAP : STATEMENT_IS_CITUS, NULL);
    request->step = topology_answered;
    topology->events->query(request->engine, &request->queries[0]);
}

void topology_learn(struct topology *topology, bool is_citus, int64_t now_us)
{
    bool news = is_citus != topology->is_citus;
    int64_t next_us = is_citus ? now_us : now_us + ASK_PLAIN_EVERY_US;
    topology->is_citus = is_citus;
    if (!is_citus)
        topology->distributed = topology->users_distributed = false;
    if (news || topology->ask_at_us == INT64_MAX)
        topology->ask_at_us = next_us;
}

void topology_suspect(struct topology *topology, int64_t now_us)
{
    if (topology->is_citus && topology->ask_at_us > now_us + ASK_SOON_US)
        topology->ask_at_us = now_us + ASK_SOON_US;
}

void topology_refresh(struct topology *topology, int64_t now_us)
{
    topology->ask_again = topology->asking;
    topology->ask_at_us = now_us;
}

/*
 * The plain server has become a Citus coordinator: its sessions are set up anew, since they plan in another way then.
 * What is under way is returned and sent again.
 */
static void first_renew(struct topology *topology, int64_t now_us)
{
    struct node *first = topology_first(topology);
    dlg_error *why = NULL;
    error_set(&why, DLG_E_UNAVAILABLE, "the database has become a cluster");
    topology->renew = false;
    node_break(first, why);
    dlg_error_free(why);
    node_answers(first); /* nothing is wrong with it */
    first->retry_at_us = now_us;
}

static void retired_free(struct topology *topology)
{
    for (size_t i = topology->count; i-- > 1;) {
        struct node *node = topology->nodes[i];
        if (!node->retired || !node_is_idle(node))
            continue;
        node_free(node);
        free(node);
        topology->nodes[i] = topology->nodes[--topology->count];
    }
}

void topology_run(struct topology *topology, int64_t now_us)
{
    retired_free(topology);
    if (topology->renew)
        first_renew(topology, now_us);
    if (!topology->asking && topology->ask_at_us <= now_us && node_ready(topology_first(topology), false))
        topology_ask(topology);
}

int64_t topology_next(const struct topology *topology)
{
    if (topology->renew)
        return 0;
    return topology->asking || !node_ready(topology_first(topology), false) ? INT64_MAX : topology->ask_at_us;
}
