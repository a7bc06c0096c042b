#include "pg/node.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "pg/connection_start.h"
#include "pg/multi_connect.h"
#include "pg/session.h"

#include <stdlib.h>
#include <string.h>

bool node_init(struct node *node, void *owner, const char *conninfo, const dlg_settings *settings,
               const struct connection_events *events)
{
    size_t reads = (size_t)settings->read_connections;
    size_t writes = (size_t)settings->write_connections;
    *node = (struct node){.owner = owner,
                          .group = -1,
                          .conninfo = strdup(conninfo),
                          .connections = calloc(reads + writes, sizeof *node->connections),
                          .connection_count = reads + writes,
                          .read_connections = reads,
                          .operation_names = settings->operation_names,
                          .timeout_ms = settings->timeout_ms,
                          .connect_timeout_us = settings->connect_timeout_ms * 1000,
                          .backoff_min_us = settings->backoff_min_ms * 1000,
                          .backoff_max_us = settings->backoff_max_ms * 1000};
    queue_init(&node->reads);
    queue_init(&node->writes);
    if (!node->conninfo || !node->connections) {
        node->connection_count = 0;
        return false;
    }
    for (size_t i = 0; i < node->connection_count; i++)
        connection_init(&node->connections[i], events, node, i >= reads);
    node->connections[0].wanted = node->connections[reads].wanted = true;
    return true;
}

void node_free(struct node *node)
{
    for (size_t i = 0; i < node->connection_count; i++)
        connection_free(&node->connections[i]);
    host_list_free(&node->hosts);
    free(node->connections);
    free(node->conninfo);
    free(node->name);
    dlg_error_free(node->last_error);
}

void node_forget(const struct node *node)
{
    for (size_t i = 0; i < node->connection_count; i++)
        connection_forget(&node->connections[i]);
}

/* ---- Connecting ---- */

/*
 * The settings of every session. Generic plans: the one index serves every page alike, and Citus caches the
 * local plans of generic ones only. A coordinator chooses by itself, since Citus cannot plan a statement for many
 * shards generically, and asks for them over one connection to each worker: to open more takes longer than the shards
 * do. Only index scans: a plan that is made while a table is small, and kept, must be right when it has
 * grown. A session that waits for a lock gives up before we give up the session, so that no sessions pile up behind
 * locks, and what is stored in the end has a fresh date. A server that works for a connection that has been closed
 * stops within a second. A commit that waits for a standby goes on: to cancel it would show what the standby does not
 * have.
 */
#define IS_CITUS "EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus')"
#define SETTINGS_SQL                                                                \
    "pg_catalog.concat(pg_catalog.set_config('plan_cache_mode', %s, %s), "          \
    "CASE WHEN " IS_CITUS " THEN "                                                  \
    "pg_catalog.set_config('citus.max_adaptive_executor_pool_size', '1', %s) END, " \
    "pg_catalog.set_config('enable_seqscan', 'off', %s), "                          \
    "pg_catalog.set_config('enable_bitmapscan', 'off', %s), "                       \
    "pg_catalog.set_config('jit', 'off', %s), "                                     \
    "pg_catalog.set_config('lock_timeout', '%lld', %s), " SESSION_CLIENT_CHECK("%s") ")"
#define FIRST_PLANS "CASE WHEN " IS_CITUS " THEN 'auto' ELSE 'force_generic_plan' END"
#define LOCAL_GROUP "(SELECT groupid FROM pg_catalog.pg_dist_local_group)"

/*
 * The first question of every session. A worker also says its group, which gives a recycled address away. Where the
 * server's process is the one that the greeting named, the session is ours, and so are its settings. Else there is a
 * pooler in between, which may lend this session to others: it keeps its settings. The process's number follows.
 */
#define START_SQL                                                                             \
    "SELECT pg_catalog.clock_timestamp(), pg_catalog.pg_is_in_recovery(), " IS_CITUS ", %s, " \
    "own.direct, own.pid, own.started, CASE WHEN own.direct THEN %s END FROM (SELECT "        \
    "pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_postmaster_start_time() AS started, "  \
    "pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) "

static void settings_sql(const struct node *node, bool local, char *sql, size_t size)
{
    const char *plans = !node->name ? FIRST_PLANS : node->custom_plans ? "'force_custom_plan'" : "'force_generic_plan'";
    const char *is_local = local ? "true" : "false";
    snprintf(sql, size, SETTINGS_SQL, plans, is_local, is_local, is_local, is_local, is_local,
             (long long)node->timeout_ms / 2 + 1, is_local, is_local);
}

static void make_start_sql(struct node *node)
{
    char settings[1500];
    settings_sql(node, false, settings, sizeof settings);
    snprintf(node->start_sql, sizeof node->start_sql, START_SQL, node->name ? LOCAL_GROUP : "NULL::integer", settings);
    settings_sql(node, true, settings, sizeof settings);
    snprintf(node->batch_sql, sizeof node->batch_sql,
             "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_postmaster_start_time(), %s", settings);
}

/* What pg_stat_activity shows, unless the conninfo has a name of its own. */
static const char *application_name(const struct node *node, const struct connection *connection)
{
    if (node->operation_names == OPERATION_NAMES_OFF)
        return "libdialogs";
    return connection->writes ? "libdialogs writes" : "libdialogs reads";
}

static void connection_open(struct node *node, struct connection *connection, int64_t deadline_us)
{
    connection->host = node->hosts.current;
    PGconn *conn = connect_begin(node->conninfo, &node->hosts, application_name(node, connection));
    connection->unacknowledged_ms = node->timeout_ms;
    connection->comments = node->operation_names == OPERATION_NAMES_COMMENT;
    make_start_sql(node);
    connection->batch_sql = node->batch_sql;
    connection_connect(connection, conn, node->start_sql, deadline_us);
}

static size_t connections_connecting(const struct node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < node->connection_count; i++)
        count += node->connections[i].state == CONN_CONNECTING || node->connections[i].state == CONN_STARTING;
    return count;
}

static bool connection_is_due(const struct connection *connection)
{
    return connection->wanted && connection->state == CONN_CLOSED;
}

void node_connect(struct node *node, int64_t now_us)
{
    for (size_t i = 0; i < node->connection_count; i++) {
        struct connection *connection = &node->connections[i];
        if (!connection_is_due(connection))
            continue;
        if (now_us < node->retry_at_us || (node->failures > 0 && connections_connecting(node) > 0))
            return; /* one connection finds out whether a failing server is back */
        connection_open(node, connection, now_us + node->connect_timeout_us);
    }
}

/* None before every host had its turn, nor after a first loss, which may be a restart that is over. */
static int64_t pause_us(const struct node *node)
{
    size_t hosts = host_list_count(&node->hosts);
    if (node->failures <= 1 || node->failures % hosts)
        return 0;
    return backoff_us((unsigned)(node->failures / hosts), node->backoff_min_us, node->backoff_max_us);
}

void node_lost(struct node *node, const struct connection *connection, dlg_error *why, int64_t now_us)
{
    dlg_error_free(node->last_error);
    node->last_error = why;
    if (connection->host != node->hosts.current)
        return; /* the next host's turn has come already: a server that ends takes all its sessions along */
    node->failures++;
    node->refusals = connection->is_refused ? node->refusals + 1 : 0;
    host_list_next(&node->hosts);
    node->retry_at_us = now_us + pause_us(node);
}

void node_settle(struct node *node, const struct connection *connection)
{
    node->home = node->hosts.current = connection->host;
    node->refusals = 0;
    node_answers(node);
}

bool node_is_refused(const struct node *node)
{
    return node->refusals >= host_list_count(&node->hosts);
}

void node_leave_others(struct node *node)
{
    for (size_t i = 0; i < node->connection_count; i++) {
        struct connection *connection = &node->connections[i];
        if (connection->state != CONN_READY || connection->host == node->home)
            continue;
        dlg_error *why = NULL;
        error_set(&why, DLG_E_UNAVAILABLE, "another host of the conninfo is the primary now");
        connection_break(connection, why);
    }
}

void node_answers(struct node *node)
{
    node->failures = 0;
}

int64_t node_next_attempt(const struct node *node)
{
    if (node->failures > 0 && connections_connecting(node) > 0)
        return INT64_MAX;
    for (size_t i = 0; i < node->connection_count; i++)
        if (connection_is_due(&node->connections[i]))
            return node->retry_at_us;
    return INT64_MAX;
}

/* ---- Connections ---- */

bool node_shares_session(const struct node *node, const struct connection *connection)
{
    for (size_t i = 0; i < node->connection_count; i++) {
        const struct connection *other = &node->connections[i];
        if (other != connection && other->state == CONN_READY && other->is_pooled &&
            server_session_equal(&other->session, &connection->session))
            return true;
    }
    return false;
}

static struct connection *connections_of(struct node *node, bool writes, size_t *count)
{
    *count = writes ? node->connection_count - node->read_connections : node->read_connections;
    return writes ? node->connections + node->read_connections : node->connections;
}

struct connection *node_idlest(struct node *node, bool writes)
{
    size_t count;
    struct connection *connections = connections_of(node, writes, &count);
    struct connection *idlest = NULL;
    for (size_t i = 0; i < count; i++)
        if (connections[i].state == CONN_READY && (!idlest || connections[i].in_flight < idlest->in_flight))
            idlest = &connections[i];
    return idlest;
}

size_t node_connections_ready(const struct node *node, bool writes)
{
    size_t count, ready = 0;
    const struct connection *connections = connections_of((struct node *)(uintptr_t)node, writes, &count);
    for (size_t i = 0; i < count; i++)
        ready += connections[i].state == CONN_READY;
    return ready;
}

bool node_ready(const struct node *node, bool writes)
{
    return node_connections_ready(node, writes) > 0;
}

void node_want_more(struct node *node, bool writes)
{
    size_t count;
    struct connection *connections = connections_of(node, writes, &count);
    for (size_t i = 0; i < count; i++) {
        if (connections[i].state == CONN_READY)
            continue;
        connections[i].wanted = true; /* when it is on its way already, nothing changes */
        return;
    }
}

bool node_is_idle(const struct node *node)
{
    size_t in_flight = 0;
    for (size_t i = 0; i < node->connection_count; i++)
        in_flight += node->connections[i].in_flight;
    return in_flight + node->reads.count + node->writes.count == 0;
}

void node_break(struct node *node, const dlg_error *why)
{
    for (size_t i = 0; i < node->connection_count; i++)
        if (node->connections[i].state != CONN_CLOSED)
            connection_break(&node->connections[i], error_copy(why));
}

PGconn *node_connection(const struct node *node)
{
    for (size_t i = 0; i < node->connection_count; i++)
        if (node->connections[i].state == CONN_READY)
            return node->connections[i].conn;
    return NULL;
}
