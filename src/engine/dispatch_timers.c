#include "engine/dispatch_timers.h"

#include "engine/dispatch.h"
#include "engine/dispatch_answers.h"
#include "engine/watermark.h"

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
            dispatch_return(engine, query); /* those that wait for it are in the queue already */
        } else if (query->not_before_us < engine->next_waiting_us) {
            engine->next_waiting_us = query->not_before_us;
        }
        query = next;
    }
}

/* A read that nobody waits for any more may still be answered for so long; monotonic times. */
enum { FORSAKEN_US = 500000 };

/* What the server works at now has been given up, and those behind it wait. Writes stay: their fate is not ours. */
static bool is_forsaken(const struct connection *connection)
{
    const struct batch *batch = STAILQ_FIRST(&connection->batches);
    const struct query *query = batch ? TAILQ_FIRST(&batch->queries) : NULL;
    return !connection->writes && query && query->request->done;
}

/* When the connection has been silent too long; INT64_MAX while it owes nothing. */
static int64_t connection_patience(const struct engine *engine, const struct connection *connection)
{
    if (connection->state == CONN_CONNECTING || connection->state == CONN_STARTING)
        return connection->connect_deadline_us;
    if (connection->state == CONN_READY && connection->expected.count)
        return connection->progress_us + (is_forsaken(connection) ? FORSAKEN_US : engine->settings->timeout_ms * 1000);
    return INT64_MAX;
}

static void connection_give_up(struct connection *connection)
{
    dlg_error *why = NULL;
    connection->left = connection->state == CONN_READY && is_forsaken(connection);
    error_set(&why, DLG_E_UNAVAILABLE,
              connection->left                  ? "the database was busy with a request that had been given up"
              : connection->state == CONN_READY ? "the database no longer answers"
                                                : "the database did not answer in time");
    connection_break(connection, why);
}

/* With route=coordinator, workers exist only so that batches are made of one worker's messages each. */
static bool may_connect(const struct engine *engine, const struct node *node)
{
    bool worker = node != topology_first(&engine->topology);
    return !node->retired && !(worker && engine->settings->route == ROUTE_COORDINATOR);
}

static void node_timers(struct engine *engine, struct node *node)
{
    for (size_t i = 0; i < node->connection_count; i++)
        if (connection_patience(engine, &node->connections[i]) <= engine->now_us)
            connection_give_up(&node->connections[i]);
    node_leave_others(node);
    if (may_connect(engine, node))
        node_connect(node, engine->now_us);
}

void dispatch_timers(struct engine *engine)
{
    end_pauses(engine);
    for (size_t i = 0; i < engine->topology.count; i++)
        node_timers(engine, engine->topology.nodes[i]);
    topology_run(&engine->topology, engine->now_us);
    watermark_run(engine);
    if (!atomic_load(&engine->ready))
        dispatch_update_ready(engine);
}

static int64_t node_next_timer(const struct engine *engine, const struct node *node)
{
    int64_t next = may_connect(engine, node) ? node_next_attempt(node) : INT64_MAX;
    for (size_t i = 0; i < node->connection_count; i++) {
        int64_t patience = connection_patience(engine, &node->connections[i]);
        next = patience < next ? patience : next;
    }
    return next;
}

int64_t dispatch_next_timer(const struct engine *engine)
{
    int64_t next = topology_next(&engine->topology);
    int64_t round = watermark_next(engine);
    next = round < next ? round : next;
    next = engine->next_waiting_us < next ? engine->next_waiting_us : next;
    for (size_t i = 0; i < engine->topology.count; i++) {
        int64_t timer = node_next_timer(engine, engine->topology.nodes[i]);
        next = timer < next ? timer : next;
    }
    return next;
}
