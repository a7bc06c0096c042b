#include "dispatch.h"

#include "citus.h"
#include "retry.h"

#include <string.h>
#include <sys/epoll.h>

/*
 * Queries under way on one lane for reads; more wait in the queue, where a deadline leaves no trace. What waits is
 * spread over the lanes, so that the server's processors work side by side, in segments of so many queries.
 */
enum { READ_DEPTH = 256, READ_LEAST = 8, READ_MOST = 32, READ_CROWD = 8 };

/* What waits for a commit is spread likewise, but so many share one: each commit costs a flush of the log. */
enum { WRITE_LEAST = 32 };

static struct engine *lane_engine(const struct lane *lane)
{
    return ((struct node *)lane->owner)->owner;
}

/* Where the query is to wait; and whether it may be read from the shard's own table, should it be sent there. */
static struct queue *queue_for(struct engine *engine, struct query *query)
{
    const struct topology *topology = &engine->topology;
    const struct shard *shard = topology_shard(topology, query);
    struct node *owner = topology_owner(topology, shard);
    bool there = shard && (owner != topology_first(topology) || shard->group == 0);
    bool direct = there && query->statement->shard_sql && !query->indirect && engine->settings->route == ROUTE_AUTO;
    query->shard = direct ? shard->id : 0;
    return query->statement->writes ? &owner->writes : &owner->reads;
}

void dispatch_query(struct engine *engine, struct query *query)
{
    queue_push(queue_for(engine, query), query);
}

void dispatch_forget(struct query *query)
{
    queue_remove(query);
}

/* ---- Sending ---- */

/* Whose lanes carry what `owner` has waiting: its own, or, while it cannot be reached from here, the first node's. */
static struct node *node_via(struct engine *engine, struct node *owner, bool writes)
{
    return node_ready(owner, writes) ? owner : topology_first(&engine->topology);
}

static void count_routed(struct engine *engine, const struct node *owner, const struct node *via, size_t queries)
{
    if (owner != topology_first(&engine->topology))
        atomic_fetch_add_explicit(owner == via ? &engine->routed : &engine->fallback, queries, memory_order_relaxed);
}

/* How many of those that wait go into one segment. */
static size_t share_of(const struct node *via, bool writes, size_t waiting, size_t least, size_t most)
{
    size_t lanes = node_lanes_ready(via, writes);
    size_t share = lanes ? (waiting + lanes - 1) / lanes : 0;
    share = share < least ? least : share;
    return share > most ? most : share;
}

/* Statements for single shards cost the server some memory each: beyond so many, shards are read as any table is. */
enum { PREPARED_MOST = 512 };

static struct query *read_pop(struct node *owner, const struct node *via, const struct lane *lane)
{
    struct query *query = queue_pop(&owner->reads);
    struct preparation preparation = {query->statement, false, query->shard};
    bool room = lane->prepared.count < PREPARED_MOST || prepared_has(&lane->prepared, &preparation);
    if (via != owner || !room)
        query->shard = 0;
    return query;
}

static void run_reads(struct engine *engine, struct node *owner)
{
    struct node *via = node_via(engine, owner, false);
    size_t share = share_of(via, false, owner->reads.count, READ_LEAST, READ_MOST);
    while (owner->reads.count) {
        struct lane *lane = node_idlest(via, false);
        if (!lane || lane->in_flight >= READ_DEPTH)
            break;
        if (lane->in_flight + share > READ_CROWD)
            node_want_more(via, false);
        struct segment *segment = segment_new(SEGMENT_READS);
        if (!segment)
            return;
        while (segment->count < share && owner->reads.count)
            segment_add(segment, read_pop(owner, via, lane));
        count_routed(engine, owner, via, segment->count);
        lane_send(lane, segment);
    }
}

static bool joins(const struct segment *segment, const struct query *query)
{
    const struct query *first = TAILQ_FIRST(&segment->queries);
    return !first ||
           (query->statement == first->statement && query->statement->rows_sql && !query->alone && !first->alone);
}

/* The batch: what waits for one owner, in order, as long as it may share a commit and the limits allow. */
static void segment_fill_writes(struct engine *engine, struct segment *segment, struct node *owner, size_t share)
{
    const dlg_settings *settings = engine->settings;
    size_t bytes = 0;
    struct query *query;
    while ((query = TAILQ_FIRST(&owner->writes.list)) && joins(segment, query)) {
        bytes += query_size(query);
        if (segment->count && (bytes > (size_t)settings->batch_bytes || segment->count >= share))
            break;
        queue_remove(query);
        segment_add(segment, query);
    }
    /* Citus plans a multi-row statement for each of its shards, and some versions double its rows. */
    if (segment->count > 1)
        segment->form = engine->topology.is_citus ? SEGMENT_BLOCK : SEGMENT_ROWS;
}

static void count_batch(struct engine *engine, const struct segment *segment)
{
    size_t size = 0;
    if (TAILQ_FIRST(&segment->queries)->statement != statement_get(STATEMENT_MESSAGE_INSERT))
        return;
    while (size < DLG_BATCH_SIZES - 1 && segment->count > (size_t)1 << size)
        size++;
    atomic_fetch_add_explicit(&engine->batches, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&engine->batched, segment->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&engine->batch_sizes[size], 1, memory_order_relaxed);
}

static void run_writes(struct engine *engine, struct node *owner)
{
    struct node *via = node_via(engine, owner, true);
    size_t share = share_of(via, true, owner->writes.count, WRITE_LEAST, (size_t)engine->settings->batch_messages);
    while (owner->writes.count) {
        struct lane *lane = node_idlest(via, true);
        if (!lane)
            return;
        if (lane->in_flight || owner->writes.count > WRITE_LEAST)
            node_want_more(via, true);
        if (lane->in_flight)
            return;
        struct segment *segment = segment_new(SEGMENT_SINGLE);
        if (!segment)
            return;
        segment_fill_writes(engine, segment, owner, share);
        count_batch(engine, segment);
        count_routed(engine, owner, via, segment->count);
        lane_send(lane, segment);
    }
}

void dispatch_run(struct engine *engine)
{
    for (size_t i = 0; i < engine->topology.count; i++) {
        run_reads(engine, engine->topology.nodes[i]);
        run_writes(engine, engine->topology.nodes[i]);
    }
}

/* ---- Answers ---- */

static void query_again(struct engine *engine, struct query *query, const dlg_error *why)
{
    atomic_fetch_add_explicit(&engine->retries, 1, memory_order_relaxed);
    struct request *request = query->request;
    if (why) {
        query->possibly_written |= query->statement->writes && error_is_ambiguous(why);
        dlg_error_free(request->last_error);
        request->last_error = error_copy(why);
        error_classify(&request->last_error);
    }
    query_clear(query);
}

static void query_pause(struct engine *engine, struct query *query)
{
    query->not_before_us = engine->now_us + retry_pause_us(query->attempts);
    if (query->not_before_us < engine->next_waiting_us)
        engine->next_waiting_us = query->not_before_us;
    queue_push(&engine->waiting, query);
}

/* Of a request that was completed meanwhile: nobody asks any more. */
static bool query_is_stray(struct query *query)
{
    struct request *request = query->request;
    if (!request->done)
        return false;
    query_clear(query);
    request_release(request);
    return true;
}

/* The shard is elsewhere by now, or the worker has left the cluster and has not even the tables any more. */
static bool is_stale(const struct engine *engine, const struct lane *lane, const dlg_error *error)
{
    const struct topology *topology = &engine->topology;
    bool without_tables = lane->owner != topology_first(topology) && strcmp(dlg_error_sqlstate(error), "42P01") == 0;
    return topology->is_citus && (without_tables || citus_error_is_stale(error));
}

/* The shard has moved, its table has been dropped since, or the role may not read it: as if it had not been tried. */
static bool is_elsewhere(const struct query *query)
{
    return query->shard && !query->placed;
}

static void on_answered(struct lane *lane, struct query *query)
{
    struct engine *engine = lane_engine(lane);
    struct request *request = query->request;
    node_answers(lane->owner);
    if (query_is_stray(query))
        return;
    if (is_elsewhere(query)) {
        topology_suspect(&engine->topology, engine->now_us);
        query_again(engine, query, NULL);
        query->indirect = true;
        dispatch_query(engine, query);
        return;
    }
    if (query->error && error_is_read_only(query->error) && !lane->doom)
        lane->doom = error_copy(query->error);
    if (query->error && (error_is_transient(query->error) || is_stale(engine, lane, query->error))) {
        topology_suspect(&engine->topology, engine->now_us);
        query_again(engine, query, query->error);
        query_pause(engine, query);
        return;
    }
    if (query->error)
        error_classify(&query->error);
    if (--request->outstanding == 0)
        request->step(request);
    request_release(request);
}

static void on_returned(struct lane *lane, struct query *query, const dlg_error *error)
{
    struct engine *engine = lane_engine(lane);
    if (query_is_stray(query))
        return;
    bool refused = error && error->code == DLG_E_DATABASE;
    query_again(engine, query, error);
    if (refused && (error_is_transient(error) || is_stale(engine, lane, error))) {
        topology_suspect(&engine->topology, engine->now_us);
        query_pause(engine, query);
        return;
    }
    query->alone |= refused;
    queue_push_front(queue_for(engine, query), query);
}

static void ready_update(struct engine *engine)
{
    const struct topology *topology = &engine->topology;
    uint32_t live = 0;
    for (size_t i = 0; i < topology->count; i++)
        for (size_t j = 0; j < topology->nodes[i]->lane_count; j++)
            live += topology->nodes[i]->lanes[j].state == LANE_READY;
    const struct node *first = topology_first(topology);
    atomic_store(&engine->connections, live);
    atomic_store(&engine->ready, node_ready(first, false) && node_ready(first, true) && topology_known(topology));
}

static void on_ready(struct lane *lane)
{
    struct engine *engine = lane_engine(lane);
    struct node *node = lane->owner;
    if (lane->read_only)
        error_set(&lane->doom, DLG_E_UNAVAILABLE,
                  "the server is a standby, which cannot take messages; name the primary in the conninfo");
    else if (node->name && lane->group != node->group)
        error_set(&lane->doom, DLG_E_UNAVAILABLE, "another server answers at the address of node %s", node->name);
    if (lane->doom)
        return;
    node_answers(node);
    if (node == topology_first(&engine->topology)) {
        clock_calibrate(&engine->clock, lane->server_us, lane->asked_wall_us, lane->answered_wall_us);
        topology_learn(&engine->topology, lane->is_citus, engine->now_us);
    }
    ready_update(engine);
}

static void on_lost(struct lane *lane, dlg_error *why)
{
    struct engine *engine = lane_engine(lane);
    dlg_error_free(lane->doom);
    lane->doom = NULL;
    atomic_fetch_add_explicit(&engine->reconnects, 1, memory_order_relaxed);
    if (lane->owner == topology_first(&engine->topology))
        engine_note_loss(engine, why);
    node_lost(lane->owner, why, clock_monotonic_us());
    topology_suspect(&engine->topology, engine->now_us);
    ready_update(engine);
}

static void on_watch(struct lane *lane, int fd, bool readable, bool writable)
{
    struct engine *engine = lane_engine(lane);
    /* One that libpq has closed is gone from the epoll too, and its number may be another thread's by now. */
    if (lane->watched >= 0 && lane->watched != fd && lane->watched == PQsocket(lane->conn))
        epoll_ctl(engine->epoll, EPOLL_CTL_DEL, lane->watched, NULL);
    struct epoll_event event = {.events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0),
                                .data.ptr = lane};
    lane->watched = fd;
    if (fd >= 0 && epoll_ctl(engine->epoll, EPOLL_CTL_MOD, fd, &event) < 0)
        epoll_ctl(engine->epoll, EPOLL_CTL_ADD, fd, &event);
}

const struct lane_events dispatch_events = {
    .ready = on_ready, .answered = on_answered, .returned = on_returned, .lost = on_lost, .watch = on_watch};

static void lane_break_doomed(struct lane *lane)
{
    dlg_error *doom = lane->doom;
    lane->doom = NULL;
    if (doom)
        lane_break(lane, doom);
}

void dispatch_handle(struct lane *lane)
{
    lane_handle(lane);
    lane_break_doomed(lane);
}

/* ---- Time ---- */

static void end_pauses(struct engine *engine)
{
    if (engine->now_us < engine->next_waiting_us)
        return;
    engine->next_waiting_us = INT64_MAX;
    struct query *query = TAILQ_FIRST(&engine->waiting.list);
    while (query) {
        struct query *next = TAILQ_NEXT(query, link);
        if (query->not_before_us <= engine->now_us) {
            queue_remove(query);
            dispatch_query(engine, query);
        } else if (query->not_before_us < engine->next_waiting_us) {
            engine->next_waiting_us = query->not_before_us;
        }
        query = next;
    }
}

/* When the lane has been silent too long; INT64_MAX while it owes nothing. */
static int64_t lane_patience(const struct engine *engine, const struct lane *lane)
{
    if (lane->state == LANE_CONNECTING || lane->state == LANE_STARTING)
        return lane->connect_deadline_us;
    if (lane->state == LANE_READY && lane->step_count)
        return lane->progress_us + engine->settings->timeout_ms * 1000;
    return INT64_MAX;
}

static void lane_give_up(struct lane *lane)
{
    dlg_error *why = NULL;
    error_set(&why, DLG_E_UNAVAILABLE,
              lane->state == LANE_READY ? "the database does not answer any more"
                                        : "the database did not answer in time");
    lane_break(lane, why);
}

/* With route=coordinator, workers exist only so that batches are made of one worker's messages each. */
static bool may_connect(const struct engine *engine, const struct node *node)
{
    bool worker = node != topology_first(&engine->topology);
    return !node->retired && !(worker && engine->settings->route == ROUTE_COORDINATOR);
}

static void node_timers(struct engine *engine, struct node *node)
{
    for (size_t i = 0; i < node->lane_count; i++)
        if (lane_patience(engine, &node->lanes[i]) <= engine->now_us)
            lane_give_up(&node->lanes[i]);
    if (may_connect(engine, node))
        node_connect(node, engine->now_us);
}

void dispatch_timers(struct engine *engine)
{
    end_pauses(engine);
    for (size_t i = 0; i < engine->topology.count; i++)
        node_timers(engine, engine->topology.nodes[i]);
    topology_run(&engine->topology, engine->now_us);
    if (!atomic_load(&engine->ready))
        ready_update(engine);
}

static int64_t node_next_timer(const struct engine *engine, const struct node *node)
{
    int64_t next = may_connect(engine, node) ? node_next_attempt(node) : INT64_MAX;
    for (size_t i = 0; i < node->lane_count; i++) {
        int64_t patience = lane_patience(engine, &node->lanes[i]);
        next = patience < next ? patience : next;
    }
    return next;
}

int64_t dispatch_next_timer(const struct engine *engine)
{
    int64_t next = topology_next(&engine->topology);
    next = engine->next_waiting_us < next ? engine->next_waiting_us : next;
    for (size_t i = 0; i < engine->topology.count; i++) {
        int64_t timer = node_next_timer(engine, engine->topology.nodes[i]);
        next = timer < next ? timer : next;
    }
    return next;
}

void dispatch_stop(struct engine *engine)
{
    dlg_error *why = NULL;
    error_set(&why, DLG_E_CLOSED, "the client was closed");
    for (size_t i = 0; i < engine->topology.count; i++)
        node_break(engine->topology.nodes[i], why);
    dlg_error_free(why);
}
