/*
 * lane.h - one connection to one node, in libpq's pipeline mode. A lane carries segments; it sends,
 * matches answers with queries, and tells its owner. It never waits, never retries, and decides
 * nothing: the engine does. All of it runs on the I/O thread.
 */
#ifndef DIALOGS_LANE_H
#define DIALOGS_LANE_H

#include "pg/segment.h"
#include "pg/steps.h"

enum lane_state { LANE_CLOSED, LANE_CONNECTING, LANE_STARTING, LANE_READY };

struct lane;

/* What a lane tells its owner. */
struct lane_events {
    /* The session is set up; the lane takes segments. */
    void (*ready)(struct lane *lane);
    /* The query has its result, or its error; nothing of it is under way any more. */
    void (*answered)(struct lane *lane, struct query *query);
    /* The query was not run to its end; `error`, when known, is why, and stays the lane's. Last query first. */
    void (*returned)(struct lane *lane, struct query *query, const dlg_error *error);
    /* The connection is gone or could not be made; every query has been returned before. */
    void (*lost)(struct lane *lane, dlg_error *why);
    /* Which events of which descriptor to wait for; fd -1: of none. */
    void (*watch)(struct lane *lane, int fd, bool readable, bool writable);
};

struct lane {
    const struct lane_events *events;
    void *owner;
    bool writes; /* carries commits; else reads */
    enum lane_state state;
    PGconn *conn;
    int fd;
    bool wants_write;
    struct prepared prepared;
    struct steps steps;
    STAILQ_HEAD(, segment) segments; /* under way, oldest first */
    size_t in_flight;                /* queries in them */
    struct rows_buffer rows;
    const char *start_sql;
    int64_t connect_deadline_us; /* monotonic; while connecting */
    int64_t progress_us;         /* when the server was last heard of */
    int64_t asked_wall_us;       /* around the question for the server's clock */
    int64_t answered_wall_us;
    int64_t server_us;
    bool read_only;  /* the server is a standby */
    bool is_citus;   /* the extension is installed */
    int32_t group;   /* Citus's number of this node; -1: not asked */
    bool wanted;     /* the owner's: to be connected */
    int watched;     /* the owner's: the descriptor that it waits for, or -1 */
    dlg_error *doom; /* the owner's: to be broken, and why */
};

void lane_init(struct lane *lane, const struct lane_events *events, void *owner, bool writes);

/*
 * Begins to connect; `lost` or `ready` follows. Arrays as for PQconnectStartParams.
 *
 *   start_sql  the first question, which sets the session up: its row has the server's clock, whether it is a
 *              standby, whether Citus is there, and the node's group or NULL.
 */
void lane_connect(struct lane *lane, const char *const *keywords, const char *const *values, const char *start_sql,
                  int64_t deadline_us);

/* The descriptor is ready. */
void lane_handle(struct lane *lane);

/* Takes the segment over and sends it. Only when ready. A failure is told by `lost`. */
void lane_send(struct lane *lane, struct segment *segment);

/* Drops the connection: queries are returned, then `lost` is told with `why`, which it takes over. */
void lane_break(struct lane *lane, dlg_error *why);

/* Closes without a word to the owner. Nothing may be under way. */
void lane_free(struct lane *lane);

/*
 * In a forked child: closes the descriptor without a goodbye, which would end the parent's session, and leaves the
 * memory alone, which the parent's I/O thread may have been changing when the process was copied.
 */
void lane_forget(const struct lane *lane);

/* ---- Between the parts of a lane: each uses those above it only ---- */

/* lane.c: waits for these events; why the connection failed; sends what libpq still holds. */
void lane_watch(struct lane *lane, bool readable, bool writable);
dlg_error *lane_error(const struct lane *lane, const char *what);
void lane_flush(struct lane *lane);

/* lane_sender.c: a command of the lane's own. */
void lane_ask(struct lane *lane, const char *sql, enum step_kind kind);

/* lane_receiver.c: takes what has come. */
void lane_receive(struct lane *lane);

#endif
