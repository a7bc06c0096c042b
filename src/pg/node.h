/*
 * node.h - one PostgreSQL server that the engine talks to: where it is, its connections, what waits for
 * them, and when to try again. I/O thread only.
 *
 * The first node is what the conninfo names: a plain server, or the coordinator of a cluster. The others
 * are the cluster's workers.
 */
#ifndef DIALOGS_NODE_H
#define DIALOGS_NODE_H

#include "base/settings.h"
#include "pg/connection.h"
#include "pg/host_list.h"

struct node {
    void *owner; /* the engine */
    char *conninfo;
    char *name;             /* of a worker, "host:port" as the cluster's metadata have it; NULL for the first node */
    int32_t group;          /* Citus's number; 0 is the coordinator's, -1: no cluster */
    bool custom_plans;      /* this server's Citus does not cache generic ones */
    bool retired;           /* no longer in the metadata: to be freed when nothing is under way */
    struct host_list hosts; /* that the conninfo names */
    size_t home;            /* the one where a session was set up last; sessions elsewhere leave */

    struct connection *connections; /* those for reads, then those for commits */
    size_t connection_count;
    size_t read_connections;
    struct queue reads;
    struct queue writes;

    unsigned failures;   /* since the last answer */
    size_t refusals;     /* the last so many attempts would end the same way */
    int64_t retry_at_us; /* no attempt before; monotonic */
    dlg_error *last_error;
    char start_sql[2560];
    char batch_sql[1700];    /* the settings, for one transaction */
    int64_t operation_names; /* enum operation_names */
    int64_t timeout_ms;      /* of a request */
    int64_t connect_timeout_us;
    int64_t backoff_min_us;
    int64_t backoff_max_us;
};

/* False when out of memory. Connections get `node` as owner and stay closed. */
bool node_init(struct node *node, void *owner, const char *conninfo, const dlg_settings *settings,
               const struct connection_events *events);
void node_free(struct node *node);
void node_forget(const struct node *node); /* in a forked child: as connection_forget() */

/* Connects the connections that are wanted, as far as the pause after failures allows. */
void node_connect(struct node *node, int64_t now_us);

/*
 * Takes note that a connection was lost: the next host's turn comes. Sets the pause: none after a first loss, nor
 * before every host had its turn, then doubling, with jitter. Takes `why` over.
 */
void node_lost(struct node *node, const struct connection *connection, dlg_error *why, int64_t now_us);

/* Takes note that a session is set up: its host is the node's from now on. */
void node_settle(struct node *node, const struct connection *connection);

/*
 * Drops sessions at other hosts than the node's. When a standby has been promoted while the old primary still answers,
 * the sessions that were left there would read what is no longer true.
 */
void node_leave_others(struct node *node);

/* Whether every host has refused, so that nothing but an operator helps: last_error says why. */
bool node_is_refused(const struct node *node);

/* Takes note that the server answers. */
void node_answers(struct node *node);

/* Nothing is under way. */
bool node_is_idle(const struct node *node);

/* Drops every connection that is ready or being made, saying why; all queries come back. */
void node_break(struct node *node, const dlg_error *why);

/* A live connection, only to ask how it was made; NULL when there is none. */
PGconn *node_connection(const struct node *node);

/* The first moment at which node_connect() has something to do; INT64_MAX: never. */
int64_t node_next_attempt(const struct node *node);

/* Whether a connection of the kind is ready. */
bool node_ready(const struct node *node, bool writes);

/* How many connections of a kind take batches. */
size_t node_connections_ready(const struct node *node, bool writes);

/* The ready connection of the kind with least in flight; NULL when there is none. */
struct connection *node_idlest(struct node *node, bool writes);

/* Whether another of its open connections was given the same session of the server: a pooler lends it. */
bool node_shares_session(const struct node *node, const struct connection *connection);

/* All connections of the kind that are open are busy: asks for one more. */
void node_want_more(struct node *node, bool writes);

#endif
