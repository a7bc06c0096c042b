/*
 * connection.h - one connection to one node, in libpq's pipeline mode. A connection carries batches; it sends,
 * matches answers with queries, and tells its owner. It never waits, never retries, and decides
 * nothing: the engine does. All of it runs on the I/O thread.
 */
#ifndef DIALOGS_CONNECTION_H
#define DIALOGS_CONNECTION_H

#include "pg/batch.h"
#include "pg/expected.h"

#include <stdio.h>

enum connection_state { CONN_CLOSED, CONN_CONNECTING, CONN_STARTING, CONN_READY };

struct connection;

/* What a connection tells its owner. */
struct connection_events {
    /* The session is set up; the connection takes batches. */
    void (*ready)(struct connection *connection);
    /* The query has its result, or its error; nothing of it is under way any more. */
    void (*answered)(struct connection *connection, struct query *query);
    /* The query was not run to its end; `error`, when known, is why, and stays the connection's. Last query first. */
    void (*returned)(struct connection *connection, struct query *query, const dlg_error *error);
    /* The connection is gone or could not be made; every query has been returned before. */
    void (*lost)(struct connection *connection, dlg_error *why);
    /* Which events of which descriptor to wait for; fd -1: of none. */
    void (*watch)(struct connection *connection, int fd, bool readable, bool writable);
};

/* A process of a server, told from those of other servers by when the server was started. */
struct server_session {
    int32_t pid;
    int64_t started;
};

static inline bool server_session_equal(const struct server_session *a, const struct server_session *b)
{
    return a->pid == b->pid && a->started == b->started;
}

struct connection {
    const struct connection_events *events;
    void *owner;
    bool writes;               /* carries commits; else reads */
    bool comments;             /* statements are prepared with their names */
    int64_t unacknowledged_ms; /* see connect_limit() */
    enum connection_state state;
    PGconn *conn;
    unsigned number; /* of this process, for the log and the trace */
    FILE *trace;     /* of libpq; NULL: there is none */
    int fd;
    bool wants_write;
    struct prepared prepared;
    struct expected_queue expected;
    STAILQ_HEAD(, batch) batches; /* under way, oldest first */
    size_t in_flight;             /* queries in them */
    struct rows_buffer rows;
    const char *start_sql;       /* its last condition lacks the number of the process */
    const char *batch_sql;       /* what each batch begins with behind a pooler */
    int64_t connect_deadline_us; /* monotonic; while connecting */
    int64_t progress_us;         /* when the server was last heard of */
    int64_t server_us;           /* by the server's clock, when the session was set up */
    bool is_refused;             /* another attempt to connect would end the same way */
    bool is_standby;             /* the server was one, when the session was set up */
    bool began_read_only;        /* its transactions read only, from the beginning */
    bool is_citus;               /* the extension is installed */
    bool is_pooled;              /* there is a pooler between us and the server */
    unsigned probes;             /* how often its session was asked for again */
    struct server_session session;
    int32_t group;            /* Citus's number of this node; -1: not asked */
    bool wanted;              /* the owner's: to be connected */
    size_t host;              /* the owner's: which one of the conninfo's it is for */
    bool left;                /* the owner's: it was closed for the sake of others, by no fault of the server */
    int watched;              /* the owner's: the descriptor that it waits for, or -1 */
    dlg_error *pending_error; /* the owner's: to be broken, and why */
};

void connection_init(struct connection *connection, const struct connection_events *events, void *owner, bool writes);

/* Drops the connection: queries are returned, then `lost` is told with `why`, which it takes over. */
void connection_break(struct connection *connection, dlg_error *why);

/* Closes without a word to the owner. Nothing may be under way. */
void connection_free(struct connection *connection);

/*
 * In a forked child: closes the descriptor without a goodbye, which would end the parent's session, and leaves the
 * memory alone, which the parent's I/O thread may have been changing when the process was copied.
 */
void connection_forget(const struct connection *connection);

/* ---- For connection_send, _receive and _start ---- */

/* Waits for these events. */
void connection_watch(struct connection *connection, bool readable, bool writable);

/* Why the connection failed. */
dlg_error *connection_error(const struct connection *connection, const char *what);

/* Sends what libpq still holds. */
void connection_flush(struct connection *connection);

#endif
