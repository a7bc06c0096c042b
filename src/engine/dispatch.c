#include "engine/dispatch.h"

#include "base/assertion.h"
#include "base/log.h"
#include "engine/send_order.h"
#include "pg/connection_send.h"

#include <string.h>

/*
 * Queries under way on one connection for reads; more wait in the queue, where a deadline leaves no trace. What waits
 * is spread over the connections, so that the server's processors work side by side, in batches of so many queries.
 */
enum { READ_DEPTH = 256, READ_LEAST = 8, READ_MOST = 32, READ_QUEUE_THRESHOLD = 8 };

/* What waits for a commit is spread likewise, but so many share one: each commit costs a flush of the log. */
enum { WRITE_LEAST = 32 };

/* How many messages that have to wait for others a batch looks past. */
enum { PASSED_MOST = 1024 };

/*
 * Where the query is to wait; and should it be sent there, whether it may be read from the shard's own table, and
 * whether its answer is good only if the shard was there, or wherever Citus took it to be.
 */
static struct queue *queue_for(struct engine *engine, struct query *query)
{
    const struct topology *topology = &engine->topology;
    const struct shard *shard = topology_shard(topology, query);
    struct node *first = topology_first(topology);
    struct node *owner = query->via_coordinator ? first : topology_owner(topology, shard);
    bool there = shard && !query->via_coordinator && (owner != first || shard->group == 0);
    bool direct = there && query->statement->shard_sql && engine->settings->route == ROUTE_AUTO;
    query->shard = direct ? shard->id : 0;
    query->placement = shard && !query->statement->writes ? shard->id : 0;
    query->placement_row = shard ? shard->row : 0;
    query->here = direct || owner != first;
    return query->statement->writes ? &owner->writes : &owner->reads;
}

void dispatch_query(struct engine *engine, struct query *query)
{
    queue_push(queue_for(engine, query), query);
}

void dispatch_return(struct engine *engine, struct query *query)
{
    queue_push_front(queue_for(engine, query), query);
}

void engine_query(struct engine *engine, struct query *query)
{
    query->request->outstanding++;
    request_hold(query->request);
    send_order_add(engine->send_order, query);
    dispatch_query(engine, query);
}

static void on_map_stale(struct engine *engine)
{
    atomic_fetch_add_explicit(&engine->stale, 1, memory_order_relaxed);
}

const struct topology_events dispatch_topology_events = {
    .query = engine_query, .reroute = dispatch_query, .map_stale = on_map_stale};

/* ---- Sending ---- */

/* Whose connections carry what `owner` has waiting: its own, or, while it cannot be reached from here, the first
 * node's. */
static struct node *node_via(struct engine *engine, struct node *owner, bool writes)
{
    return node_ready(owner, writes) ? owner : topology_first(&engine->topology);
}

static void count_routed(struct engine *engine, const struct node *owner, const struct node *via, size_t queries)
{
    if (owner != topology_first(&engine->topology))
        atomic_fetch_add_explicit(owner == via ? &engine->routed : &engine->fallback, queries, memory_order_relaxed);
}

/* How many of those that wait go into one batch. */
static size_t share_of(const struct node *via, bool writes, size_t waiting, size_t least, size_t most)
{
    size_t connections = node_connections_ready(via, writes);
    size_t share = connections ? (waiting + connections - 1) / connections : 0;
    share = share < least ? least : share;
    return share > most ? most : share;
}

/* Statements for single shards cost the server some memory each: beyond so many, shards are read as any table is. */
enum { PREPARED_MOST = 512 };

static struct query *read_pop(struct node *owner, const struct node *via, const struct connection *connection)
{
    struct query *query = queue_pop(&owner->reads);
    struct preparation preparation = {query->statement, false, query->shard};
    bool room = connection->prepared.count < PREPARED_MOST || prepared_has(&connection->prepared, &preparation);
    if (via != owner || !room)
        query->shard = 0;
    if (via != owner)
        query->here = false;
    return query;
}

static void log_batch(const struct engine *engine, const struct connection *connection, const struct batch *batch)
{
    DLG_ASSERT(connection->state == CONN_READY && batch->count > 0);
    LOG(engine->settings, DLG_LOG_LEVEL_DEBUG, "dispatch", "batch of %zu on connection %u, the first is %s",
        batch->count, connection->number, TAILQ_FIRST(&batch->queries)->statement->name);
}

static void run_reads(struct engine *engine, struct node *owner)
{
    struct node *via = node_via(engine, owner, false);
    size_t share = share_of(via, false, owner->reads.count, READ_LEAST, READ_MOST);
    while (owner->reads.count) {
        struct connection *connection = node_idlest(via, false);
        if (!connection || connection->in_flight >= READ_DEPTH)
            break;
        if (connection->in_flight + share > READ_QUEUE_THRESHOLD)
            node_want_more(via, false);
        struct batch *batch = batch_new(BATCH_READS);
        if (!batch)
            return;
        batch->settled = via == topology_first(&engine->topology);
        while (batch->count < share && owner->reads.count)
            batch_add(batch, read_pop(owner, via, connection));
        count_routed(engine, owner, via, batch->count);
        log_batch(engine, connection, batch);
        connection_send(connection, batch);
    }
}

static bool joins(const struct batch *batch, const struct query *query)
{
    const struct query *first = TAILQ_FIRST(&batch->queries);
    return !first ||
           (query->statement == first->statement && query->statement->rows_sql && !query->isolated && !first->isolated);
}

/*
 * The batch: what waits for one owner, in order, as long as it may share a commit and the limits allow; but for those
 * that have to wait for earlier ones of the same author to the same recipient. False when there are none.
 */
static bool batch_fill_writes(struct engine *engine, struct batch *batch, struct node *owner, size_t share)
{
    const dlg_settings *settings = engine->settings;
    size_t bytes = 0, passed = 0;
    struct query *next;
    for (struct query *query = TAILQ_FIRST(&owner->writes.list); query && passed < PASSED_MOST; query = next) {
        next = TAILQ_NEXT(query, link);
        if (!send_order_allows(query, batch)) {
            passed++;
            continue;
        }
        bytes += query_size(query);
        bool full = bytes > (size_t)settings->batch_bytes || batch->count >= share;
        if (batch->count && (full || !joins(batch, query)))
            break;
        queue_remove(query);
        batch_add(batch, query);
    }
    /* Citus plans a multi-row statement for each of its shards, and some versions double its rows. */
    if (batch->count > 1)
        batch->form = engine->topology.is_citus ? BATCH_BLOCK : BATCH_ROWS;
    return batch->count > 0;
}

static void count_batch(struct engine *engine, const struct batch *batch)
{
    size_t size = 0;
    if (TAILQ_FIRST(&batch->queries)->statement != statement_get(STATEMENT_MESSAGE_INSERT))
        return;
    while (size < DLG_BATCH_SIZES - 1 && batch->count > (size_t)1 << size)
        size++;
    atomic_fetch_add_explicit(&engine->batches, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&engine->batched, batch->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&engine->batch_sizes[size], 1, memory_order_relaxed);
}

static void run_writes(struct engine *engine, struct node *owner)
{
    struct node *via = node_via(engine, owner, true);
    size_t share = share_of(via, true, owner->writes.count, WRITE_LEAST, (size_t)engine->settings->batch_messages);
    while (owner->writes.count) {
        struct connection *connection = node_idlest(via, true);
        if (!connection)
            return;
        if (connection->in_flight || owner->writes.count > WRITE_LEAST)
            node_want_more(via, true);
        if (connection->in_flight)
            return;
        struct batch *batch = batch_new(BATCH_SINGLE);
        if (!batch)
            return;
        if (!batch_fill_writes(engine, batch, owner, share)) {
            batch_free(batch);
            return;
        }
        count_batch(engine, batch);
        count_routed(engine, owner, via, batch->count);
        log_batch(engine, connection, batch);
        connection_send(connection, batch);
    }
}

void dispatch_run(struct engine *engine)
{
    for (size_t i = 0; i < engine->topology.count; i++) {
        run_reads(engine, engine->topology.nodes[i]);
        run_writes(engine, engine->topology.nodes[i]);
    }
}

void dispatch_stop(struct engine *engine)
{
    dlg_error *why = NULL;
    error_set(&why, DLG_E_CLOSED, "the client was closed");
    for (size_t i = 0; i < engine->topology.count; i++)
        node_break(engine->topology.nodes[i], why);
    dlg_error_free(why);
}
