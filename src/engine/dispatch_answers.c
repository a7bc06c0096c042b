#include "engine/dispatch_answers.h"

#include "base/assertion.h"
#include "base/backoff.h"
#include "base/log.h"
#include "engine/dispatch.h"
#include "engine/send_order.h"
#include "pg/citus.h"
#include "pg/connection_start.h"
#include "pg/pooler.h"
#include "pg/sqlstate.h"

#include <string.h>
#include <sys/epoll.h>

static struct engine *connection_engine(const struct connection *connection)
{
    return ((struct node *)connection->owner)->owner;
}

/* How a node is called in the log. */
static const char *node_label(const struct node *node)
{
    return node->name ? node->name : "the server of the conninfo";
}

static void query_again(struct engine *engine, struct query *query, const dlg_error *why)
{
    LOG(engine->settings, DLG_LOG_LEVEL_DEBUG, "dispatch", "%s is run again after attempt %u: %s%s%s",
        query->statement->name, query->attempts, why ? why->message : "the shard is elsewhere",
        why && *why->sqlstate ? ", SQLSTATE " : "", why ? why->sqlstate : "");
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
    query->not_before_us = engine->now_us + backoff_us(query->attempts, BACKOFF_LEAST_US, BACKOFF_MOST_US);
    if (query->not_before_us < engine->next_waiting_us)
        engine->next_waiting_us = query->not_before_us;
    queue_push(&engine->waiting, query);
}

/* Of a request that was completed meanwhile: nobody asks any more. */
static bool query_is_stray(struct engine *engine, struct query *query)
{
    struct request *request = query->request;
    if (!request->done)
        return false;
    send_order_remove(engine->send_order, query);
    query_clear(query);
    request_release(request);
    return true;
}

/* The shard is elsewhere by now, or the worker has left the cluster and has not even the tables any more. */
static bool is_stale(const struct engine *engine, const struct connection *connection, const dlg_error *error)
{
    const struct topology *topology = &engine->topology;
    bool without_tables =
        connection->owner != topology_first(topology) && strcmp(dlg_error_sqlstate(error), "42P01") == 0;
    return topology->is_citus && (without_tables || citus_error_is_stale(error));
}

/*
 * The shard has moved or is about to, its table has been dropped since, or the role may not read it: as if it had not
 * been tried. Or the first node is about to hear of a move.
 */
static bool is_elsewhere(const struct query *query)
{
    return query->placement && !query->placement_verified;
}

/*
 * From a worker to the coordinator: the worker may not know that it has lost the shard. From there, after a pause, to
 * where the map has it by then: the new node may know before the coordinator's sessions do.
 */
static void read_elsewhere(struct engine *engine, const struct connection *connection, struct query *query)
{
    topology_suspect(&engine->topology, engine->now_us);
    query_again(engine, query, NULL);
    query->via_coordinator = connection->owner != topology_first(&engine->topology);
    if (query->via_coordinator)
        dispatch_query(engine, query);
    else
        query_pause(engine, query);
}

static void on_answered(struct connection *connection, struct query *query)
{
    struct engine *engine = connection_engine(connection);
    struct request *request = query->request;
    node_answers(connection->owner);
    if (query_is_stray(engine, query))
        return;
    if (is_elsewhere(query)) {
        read_elsewhere(engine, connection, query);
        return;
    }
    if (query->error && error_is_read_only(query->error) && !connection->pending_error)
        connection->pending_error = error_copy(query->error);
    if (query->error && (error_is_transient(query->error) || is_stale(engine, connection, query->error))) {
        topology_suspect(&engine->topology, engine->now_us);
        query_again(engine, query, query->error);
        query_pause(engine, query);
        return;
    }
    DLG_ASSERT(request->outstanding > 0);
    send_order_remove(engine->send_order, query);
    if (query->error) {
        query->possibly_written |= query->statement->writes && error_is_ambiguous(query->error);
        error_classify(&query->error);
    }
    if (--request->outstanding == 0)
        request->step(request);
    request_release(request);
}

static void on_returned(struct connection *connection, struct query *query, const dlg_error *error)
{
    struct engine *engine = connection_engine(connection);
    if (query_is_stray(engine, query))
        return;
    if (error && error->code == DLG_E_STATE) { /* a pooler in the wrong mode: no attempt ends otherwise */
        send_order_remove(engine->send_order, query);
        query->error = error_copy(error);
        if (--query->request->outstanding == 0)
            query->request->step(query->request);
        request_release(query->request);
        return;
    }
    bool refused = error && error->code == DLG_E_DATABASE;
    query_again(engine, query, error);
    if (refused && (error_is_transient(error) || is_stale(engine, connection, error))) {
        topology_suspect(&engine->topology, engine->now_us);
        query_pause(engine, query);
        return;
    }
    query->isolated |= refused;
    if (!refused && error && query->attempts > 1) /* it may be what ends the server's process each time */
        query_pause(engine, query);
    else
        dispatch_return(engine, query);
}

void dispatch_update_ready(struct engine *engine)
{
    const struct topology *topology = &engine->topology;
    uint32_t live = 0;
    for (size_t i = 0; i < topology->count; i++)
        for (size_t j = 0; j < topology->nodes[i]->connection_count; j++)
            live += topology->nodes[i]->connections[j].state == CONN_READY;
    const struct node *first = topology_first(topology);
    atomic_store(&engine->connections, live);
    atomic_store(&engine->refused, node_is_refused(first));
    atomic_store(&engine->ready, node_ready(first, false) && node_ready(first, true) && topology_known(topology));
}

static void on_ready(struct connection *connection)
{
    struct engine *engine = connection_engine(connection);
    struct node *node = connection->owner;
    if (connection->is_standby)
        error_set(&connection->pending_error, DLG_E_UNAVAILABLE,
                  "the server is a standby and cannot take messages: name the primary in the conninfo");
    else if (connection->began_read_only && host_list_count(&node->hosts) > 1)
        error_set(&connection->pending_error, DLG_E_UNAVAILABLE,
                  "the server is read-only (default_transaction_read_only) and cannot take messages: the next host of "
                  "the conninfo is tried");
    else if (node->name && connection->group != node->group)
        error_set(&connection->pending_error, DLG_E_UNAVAILABLE, "another server answers at the address of node %s",
                  node->name);
    else if (connection->is_pooled && node_shares_session(node, connection))
        connection->pending_error = pooler_error(NULL);
    if (connection->pending_error)
        return;
    LOG(engine->settings, DLG_LOG_LEVEL_INFO, "connection", "%u for %s to %s is ready; server process %d",
        connection->number, connection->writes ? "writes" : "reads", node_label(node), PQbackendPID(connection->conn));
    node_settle(node, connection);
    if (node == topology_first(&engine->topology)) {
        clock_calibrate(&engine->clock, connection->server_us);
        topology_learn(&engine->topology, connection->is_citus, engine->now_us);
    }
    dispatch_update_ready(engine);
}

/* The server is not to blame: its session was closed for the sake of the requests behind one that was given up. */
static void on_left(struct connection *connection, dlg_error *why)
{
    connection->left = false;
    LOG(connection_engine(connection)->settings, DLG_LOG_LEVEL_INFO, "connection", "%u to %s is left: %s",
        connection->number, node_label(connection->owner), dlg_error_message(why));
    dlg_error_free(why);
}

static void on_failed(struct connection *connection, dlg_error *why)
{
    struct engine *engine = connection_engine(connection);
    if (connection->owner == topology_first(&engine->topology))
        engine_note_loss(engine, why);
    LOG(engine->settings, DLG_LOG_LEVEL_WARNING, "connection", "%u to %s is lost: %s", connection->number,
        node_label(connection->owner), dlg_error_message(why));
    node_lost(connection->owner, connection, why, clock_monotonic_us());
    topology_suspect(&engine->topology, engine->now_us);
}

static void on_lost(struct connection *connection, dlg_error *why)
{
    struct engine *engine = connection_engine(connection);
    dlg_error_free(connection->pending_error);
    connection->pending_error = NULL;
    atomic_fetch_add_explicit(&engine->reconnects, 1, memory_order_relaxed);
    if (connection->left)
        on_left(connection, why);
    else
        on_failed(connection, why);
    dispatch_update_ready(engine);
}

static void on_watch(struct connection *connection, int fd, bool readable, bool writable)
{
    struct engine *engine = connection_engine(connection);
    /* One that libpq has closed is gone from the epoll too, and its number may be another thread's by now. */
    if (connection->watched >= 0 && connection->watched != fd && connection->watched == PQsocket(connection->conn))
        epoll_ctl(engine->epoll, EPOLL_CTL_DEL, connection->watched, NULL);
    struct epoll_event event = {.events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0),
                                .data.ptr = connection};
    connection->watched = fd;
    if (fd >= 0 && epoll_ctl(engine->epoll, EPOLL_CTL_MOD, fd, &event) < 0)
        epoll_ctl(engine->epoll, EPOLL_CTL_ADD, fd, &event);
}

const struct connection_events dispatch_events = {
    .ready = on_ready, .answered = on_answered, .returned = on_returned, .lost = on_lost, .watch = on_watch};

static void connection_break_pending(struct connection *connection)
{
    dlg_error *pending_error = connection->pending_error;
    connection->pending_error = NULL;
    if (pending_error)
        connection_break(connection, pending_error);
}

void dispatch_handle(struct connection *connection)
{
    connection_handle(connection);
    connection_break_pending(connection);
}
