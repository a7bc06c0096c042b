/* engine.h - the I/O thread of a client: takes requests, runs their queries, completes each once. */
#ifndef DIALOGS_ENGINE_H
#define DIALOGS_ENGINE_H

#include "base/clock.h"
#include "engine/request.h"
#include "engine/topology.h"

#include <pthread.h>

struct engine {
    const dlg_settings *settings; /* the client's */
    struct clock clock;
    unsigned process; /* fork generation that it belongs to */

    /* Guarded by `lock`: */
    pthread_mutex_t lock;
    pthread_cond_t room;    /* a queue got room, or the engine is closing */
    pthread_cond_t arrival; /* a reply arrived in the queue */
    struct request_list incoming;
    struct resumed_list resumed; /* requests whose job is done */
    struct request_list replies;
    unsigned arrival_waiters;
    bool ended;      /* no more replies */
    dlg_error *loss; /* why the last connection to the first node was lost, or not made */

    /* Read and written by anybody: */
    _Atomic bool closing;  /* no new requests */
    _Atomic bool stopping; /* what is left is completed with DLG_E_CLOSED */
    _Atomic bool refresh;  /* the map of shards has changed */
    _Atomic unsigned room_waiters;
    _Atomic unsigned callers; /* threads that are in here, perhaps waiting */
    _Atomic uint32_t queued;
    _Atomic uint64_t queued_bytes;
    _Atomic uint64_t requests, completed, failed, sends, batches, batched, retries, reconnects, overloads, routed,
        fallback, stale;
    _Atomic uint64_t batch_sizes[DLG_BATCH_SIZES];
    _Atomic uint32_t connections;
    _Atomic bool ready;

    pthread_t thread;
    bool running;

    /* Whose turn it is: the I/O thread's, or a lone caller's. Is taken before `lock`, or only tried. */
    pthread_mutex_t turn;
    int64_t asleep_until_us; /* when the I/O thread takes its next turn, if nothing happens; monotonic */
    int epoll;
    int wake;     /* eventfd: `incoming` became non-empty, or stop */
    int reply_fd; /* eventfd: `replies` is non-empty */
    struct request_list active;
    struct queue waiting; /* queries in a pause before their next attempt */
    uint16_t *recipients; /* messages under way, by a hash of whom they go to: see dispatch.c */
    int64_t next_waiting_us;
    int64_t next_deadline_us;
    int64_t now_us;
    size_t undelivered;
    struct topology topology;
};

/* Makes it safe to be stopped and freed. */
void engine_prepare(struct engine *engine);

/* Prepares everything but the thread. */
int engine_open(struct engine *engine, const char *conninfo, const dlg_settings *settings, dlg_error **error);
int engine_start(struct engine *engine, dlg_error **error);

/* Refuses new requests and waits until those under way are done, at most until `deadline_us` (monotonic). */
void engine_drain(struct engine *engine, int64_t deadline_us);

/* Ends the thread; what is left is completed with DLG_E_CLOSED. Returns how many those were. */
size_t engine_stop(struct engine *engine);
void engine_free(struct engine *engine); /* also in a forked child */

/* True in a child of the process that opened the engine. */
bool engine_is_forked(const struct engine *engine);

/* Whether the caller is the I/O thread. */
bool engine_is_here(const struct engine *engine);

/* For a timeout: there is none. */
#define ENGINE_NO_TIMEOUT INT64_MAX

/*
 * A blocking call: waits for room in the queue and for the request, at most until the deadline
 * (`timeout_us` 0: the setting), and returns its outcome. The caller keeps its reference.
 */
int engine_call(struct engine *engine, struct request *request, int64_t timeout_us, dlg_error **error);

/*
 * The two halves of it, for a caller that does something else meanwhile; `wait` for room or not. Instead of the
 * second one the caller may give its reference up.
 */
int engine_begin(struct engine *engine, struct request *request, int64_t timeout_us, bool wait, dlg_error **error);
int engine_finish(struct request *request, dlg_error **error);

/* DLG_E_STATE on the I/O thread. */
int engine_may_wait(const struct engine *engine, dlg_error **error);

/* Waits until requests have a connection to go to; DLG_E_UNAVAILABLE after `deadline_us`. */
int engine_wait_ready(struct engine *engine, int64_t deadline_us, dlg_error **error);

/* An asynchronous call: takes the caller's reference over, for the reply or at once on failure. */
int engine_post(struct engine *engine, struct request *request, int64_t timeout_us, dlg_callback callback,
                void *payload, dlg_error **error);

/* Makes a descriptor of an eventfd readable. */
void engine_wake(int fd);

/* Takes a reply from the queue; waits as dlg_reply_next() says. */
dlg_reply *engine_next_reply(struct engine *engine, int64_t timeout_us);

/* The cluster was changed: asks for the map of shards now. Any thread. */
void engine_refresh_topology(struct engine *engine);

/* A job outside the I/O thread is done: runs the request's step there. Gives up the job's reference. */
void engine_resume(struct request *request);

/* ---- Turns ---- */

/* The I/O thread; its argument is the engine. */
void *engine_run(void *argument);

/* With the turn held, and given up at the end: runs a request that is alone until it is done, or not so soon. */
void engine_drive(struct engine *engine, struct request *request);

/* ---- For steps, on the I/O thread ---- */

/* Runs a query; the request's step follows when nothing is outstanding. */
void engine_query(struct engine *engine, struct query *query);

/* Puts a query that waits nowhere into the queue of the node that owns its rows now. */
void engine_reroute(struct engine *engine, struct query *query);

/* A connection to the first node was lost, or not made. */
void engine_note_loss(struct engine *engine, const dlg_error *why);

/* The map of shards was found to be old. */
void engine_count_stale(struct engine *engine);

/* A job will call engine_resume(). */
void engine_expect(struct request *request);

/* The request is done; takes `error` over. The request may be freed when this returns. */
void request_complete(struct request *request, dlg_error *error);

/* The request is done, with the error of one of its queries. */
void request_fail(struct request *request, struct query *query);

#endif
