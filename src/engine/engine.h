/*
 * engine.h - what a client's I/O thread and its callers share. What they do with it: submit.h for callers, loop.h,
 * dispatch*.h and complete.h for the I/O thread. See the notes in engine.c.
 */
#ifndef DIALOGS_ENGINE_H
#define DIALOGS_ENGINE_H

#include "base/clock.h"
#include "engine/request.h"
#include "engine/topology.h"

#include <pthread.h>

/* Payloads of requests that are to be cancelled. */
struct cancel_list {
    const void **payloads;
    size_t count, room;
};

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
    struct cancel_list cancels;
    unsigned arrival_waiters;
    bool ended;      /* no more replies */
    dlg_error *loss; /* why the last connection to the first node was lost, or not made */

    /* Read and written by anybody: */
    _Atomic bool closing;  /* no new requests */
    _Atomic bool stopping; /* what is left is completed with DLG_E_CLOSED */
    _Atomic bool refresh;  /* the map of shards has changed */
    _Atomic bool cancel;   /* `cancels` has some */
    _Atomic unsigned room_waiters;
    _Atomic unsigned callers; /* threads that are in here, perhaps waiting */
    _Atomic uint32_t queued;
    _Atomic uint64_t queued_bytes;
    _Atomic uint32_t untaken; /* replies in the queue: they count against the same bounds */
    _Atomic uint64_t untaken_bytes;
    _Atomic uint64_t requests, completed, failed, sends, batches, batched, retries, reconnects, overloads, routed,
        fallback, stale;
    _Atomic uint64_t batch_sizes[DLG_BATCH_SIZES];
    _Atomic uint32_t connections;
    _Atomic bool ready;
    _Atomic bool refused; /* no attempt to connect to the first node would end otherwise */

    pthread_t thread;
    bool running;
    int epoll;       /* the connections and `wake` */
    int sleep_epoll; /* `epoll`, unless a caller has the turn, and `wake` */
    int wake;        /* eventfd: `incoming` became non-empty, or stop */
    int reply_fd;    /* eventfd: `replies` is non-empty */

    /* Whoever has the turn has these: the I/O thread, or a lone caller in its place (turn.h). */
    pthread_mutex_t turn;
    int64_t asleep_until_us; /* monotonic; the I/O thread, while a caller has it */
    struct request_list active;
    struct queue waiting; /* queries in a pause before their next attempt */
    struct send_order *send_order;
    int64_t next_waiting_us;
    int64_t next_deadline_us;
    int64_t now_us;
    int64_t held_from_us, held_until_us; /* the last slow callback */
    size_t undelivered;
    struct topology topology;
    struct watermark *watermark; /* while the thread runs */
};

/* Makes it safe to be freed. */
void engine_prepare(struct engine *engine);

/* Prepares everything but the thread. `events` receives what connections tell. */
int engine_open(struct engine *engine, const char *conninfo, const dlg_settings *settings,
                const struct connection_events *events, const struct topology_events *topology_events,
                dlg_error **error);
void engine_free(struct engine *engine); /* also in a forked child */

/* True in a child of the process that opened the engine. */
bool engine_is_forked(const struct engine *engine);

/* The caller moves this engine now, NULL: none; returns the one that it moved before. Whether it moves this one. */
const struct engine *engine_enter(const struct engine *engine);
bool engine_is_here(const struct engine *engine);

/* Makes a descriptor of an eventfd readable. */
void engine_wake(int fd);

/* A connection to the first node was lost, or not made. I/O thread. */
void engine_note_loss(struct engine *engine, const dlg_error *why);

/* Waits until requests have a connection to go to; DLG_E_UNAVAILABLE after `deadline_us`. Any thread. */
int engine_wait_ready(struct engine *engine, int64_t deadline_us, dlg_error **error);

#endif
