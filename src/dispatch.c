#include "dispatch.h"

#include "retry.h"

#include <sys/epoll.h>

/* Queries under way on one lane for reads; more wait in the queue, where a deadline leaves no trace. */
enum { READ_DEPTH = 256, READ_SHARE = 16 };

static struct engine *lane_engine(const struct lane *lane)
{
    return ((struct node *)lane->owner)->owner;
}

static struct queue *queue_of(struct engine *engine, const struct query *query)
{
    return query->statement->writes ? &engine->node.writes : &engine->node.reads;
}

void dispatch_query(struct engine *engine, struct query *query)
{
    queue_push(queue_of(engine, query), query);
}

void dispatch_forget(struct query *query)
{
    queue_remove(query);
}

/* ---- Sending ---- */

static void segment_fill_reads(struct engine *engine, struct segment *segment, size_t most)
{
    while (segment->count < most) {
        struct query *query = queue_pop(&engine->node.reads);
        if (!query)
            return;
        segment_add(segment, query);
    }
}

static void run_reads(struct engine *engine, struct node *node)
{
    while (node->reads.count) {
        struct lane *lane = node_idlest(node, false);
        if (!lane || lane->in_flight >= READ_DEPTH)
            break;
        if (lane->in_flight >= READ_SHARE || node->reads.count > READ_SHARE)
            node_want_more(node, false);
        struct segment *segment = segment_new(SEGMENT_READS);
        if (!segment)
            return;
        size_t room = READ_DEPTH - lane->in_flight;
        segment_fill_reads(engine, segment, room < READ_SHARE ? room : READ_SHARE);
        lane_send(lane, segment);
    }
}

static bool joins(const struct segment *segment, const struct query *query)
{
    const struct query *first = TAILQ_FIRST(&segment->queries);
    return !first ||
           (query->statement == first->statement && query->statement->rows_sql && !query->alone && !first->alone);
}

/* The batch: what waits, in order, as long as it may share a commit and the limits allow. */
static void segment_fill_writes(struct engine *engine, struct segment *segment)
{
    const dlg_settings *settings = engine->settings;
    size_t bytes = 0;
    struct query *query;
    while ((query = TAILQ_FIRST(&engine->node.writes.list)) && joins(segment, query)) {
        bytes += query_size(query);
        if (segment->count &&
            (bytes > (size_t)settings->batch_bytes || segment->count >= (size_t)settings->batch_messages))
            break;
        queue_remove(query);
        segment_add(segment, query);
    }
    segment->form = segment->count > 1 ? SEGMENT_ROWS : SEGMENT_SINGLE;
}

static void run_writes(struct engine *engine, struct node *node)
{
    while (node->writes.count) {
        struct lane *lane = node_idlest(node, true);
        if (!lane)
            return;
        if (lane->in_flight) {
            node_want_more(node, true);
            return;
        }
        struct segment *segment = segment_new(SEGMENT_SINGLE);
        if (!segment)
            return;
        segment_fill_writes(engine, segment);
        atomic_fetch_add_explicit(&engine->batches, 1, memory_order_relaxed);
        lane_send(lane, segment);
    }
}

void dispatch_run(struct engine *engine)
{
    run_reads(engine, &engine->node);
    run_writes(engine, &engine->node);
}

/* ---- Answers ---- */

static void query_again(struct engine *engine, struct query *query, const dlg_error *why)
{
    atomic_fetch_add_explicit(&engine->retries, 1, memory_order_relaxed);
    struct request *request = query->request;
    if (why) {
        dlg_error_free(request->last_error);
        request->last_error = error_copy(why);
        error_classify(request->last_error);
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

static void on_answered(struct lane *lane, struct query *query)
{
    struct engine *engine = lane_engine(lane);
    struct request *request = query->request;
    node_answers(lane->owner);
    if (query_is_stray(query))
        return;
    if (query->error && error_is_read_only(query->error) && !lane->doom)
        lane->doom = error_copy(query->error);
    if (query->error && error_is_transient(query->error)) {
        query_again(engine, query, query->error);
        query_pause(engine, query);
        return;
    }
    if (query->error)
        error_classify(query->error);
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
    if (refused && error_is_transient(error)) {
        query_pause(engine, query);
        return;
    }
    query->alone |= refused;
    queue_push_front(queue_of(engine, query), query);
}

static void ready_update(struct engine *engine)
{
    const struct node *node = &engine->node;
    uint32_t live = 0;
    for (size_t i = 0; i < node->lane_count; i++)
        live += node->lanes[i].state == LANE_READY;
    atomic_store(&engine->connections, live);
    atomic_store(&engine->ready, node_ready(node, false) && node_ready(node, true));
}

static void on_ready(struct lane *lane)
{
    struct engine *engine = lane_engine(lane);
    if (lane->read_only) {
        error_set(&lane->doom, DLG_E_UNAVAILABLE,
                  "the server is a standby, which cannot take messages; "
                  "name the primary in the conninfo");
        return;
    }
    node_answers(lane->owner);
    clock_calibrate(&engine->clock, lane->server_us, lane->asked_wall_us, lane->answered_wall_us);
    ready_update(engine);
}

static void on_lost(struct lane *lane, dlg_error *why)
{
    struct engine *engine = lane_engine(lane);
    dlg_error_free(lane->doom);
    lane->doom = NULL;
    atomic_fetch_add_explicit(&engine->reconnects, 1, memory_order_relaxed);
    node_lost(lane->owner, why, clock_monotonic_us());
    ready_update(engine);
}

static void on_watch(struct lane *lane, int fd, bool readable, bool writable)
{
    struct engine *engine = lane_engine(lane);
    if (lane->watched >= 0 && lane->watched != fd)
        epoll_ctl(engine->epoll, EPOLL_CTL_DEL, lane->watched, NULL); /* may be closed and gone already */
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
            queue_push(queue_of(engine, query), query);
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

void dispatch_timers(struct engine *engine)
{
    struct node *node = &engine->node;
    end_pauses(engine);
    for (size_t i = 0; i < node->lane_count; i++)
        if (lane_patience(engine, &node->lanes[i]) <= engine->now_us)
            lane_give_up(&node->lanes[i]);
    node_connect(node, engine->now_us);
}

int64_t dispatch_next_timer(const struct engine *engine)
{
    const struct node *node = &engine->node;
    int64_t next = node_next_attempt(node);
    if (engine->next_waiting_us < next)
        next = engine->next_waiting_us;
    for (size_t i = 0; i < node->lane_count; i++) {
        int64_t patience = lane_patience(engine, &node->lanes[i]);
        if (patience < next)
            next = patience;
    }
    return next;
}
