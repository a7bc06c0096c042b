/*
 * Design notes.
 *
 * A client has one I/O thread. It owns every connection, every queue of queries, and every request from the moment
 * when the thread takes it from `incoming` until it completes it. None of that is locked. The lock guards the lists
 * through which other threads give and take: `incoming`, `resumed` and `replies`. Callers run submit.c. The I/O thread
 * runs loop.c, dispatch*.c, topology.c and complete.c. While it has nothing to do the caller of a blocking call may
 * take its turn (turn.c), and run the same code.
 *
 * A request is a small state machine. Its `step` runs on the I/O thread when the request arrives, and again each time
 * nothing of it is outstanding. A step starts queries (engine_query), hands work to a worker thread (engine_expect,
 * then engine_resume from there), or completes the request.
 *
 *   caller thread          I/O thread                                                PostgreSQL
 *   submit.c --incoming--> step --engine_query--> node queue --batch--> connection --> ...
 *   reply <------ request_complete <-- step <-- answered / error <----- connection <-- ...
 *
 * One iteration of the loop waits for descriptors and timers, reads what has come, takes new requests, expires
 * deadlines, and sends what waits. Sends that arrive while every write connection is busy wait in the node's queue.
 * They leave together, as one batch with one commit, when a connection is free. Nobody waits for a batch to fill.
 * Reads have connections of their own and leave in the iteration in which they arrive.
 *
 * A request completes exactly once: only request_complete() hands it over, and `done` keeps late answers away from
 * there. References hold the memory: the reply's receiver has one, each query or job under way has one.
 *
 * A write is attempted again after a lost connection, under the same id, with ON CONFLICT DO NOTHING. The query
 * remembers that an earlier attempt may have been committed. That decides which fate a final error reports.
 *
 * After fork() the child has no I/O thread. The generation counter below tells so without a system call.
 */
#include "engine/engine.h"

#include "engine/send_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

void engine_wake(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* ---- Fork ---- */

static _Atomic unsigned fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void fork_child(void)
{
    atomic_fetch_add(&fork_generation, 1);
}

static void fork_watch(void)
{
    pthread_atfork(NULL, NULL, fork_child);
}

bool engine_is_forked(const struct engine *engine)
{
    return engine->process != atomic_load_explicit(&fork_generation, memory_order_relaxed);
}

/* The engine that this thread moves. */
static _Thread_local const struct engine *here;

const struct engine *engine_enter(const struct engine *engine)
{
    const struct engine *before = here;
    here = engine;
    return before;
}

bool engine_is_here(const struct engine *engine)
{
    return here == engine;
}

void engine_note_loss(struct engine *engine, const dlg_error *why)
{
    pthread_mutex_lock(&engine->lock);
    dlg_error_free(engine->loss);
    engine->loss = error_copy(why);
    pthread_mutex_unlock(&engine->lock);
}

/* ---- Life ---- */

static bool engine_descriptors(struct engine *engine)
{
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    engine->sleep_epoll = epoll_create1(EPOLL_CLOEXEC);
    engine->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    engine->reply_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    return engine->epoll >= 0 && engine->sleep_epoll >= 0 && engine->wake >= 0 && engine->reply_fd >= 0 &&
           epoll_ctl(engine->epoll, EPOLL_CTL_ADD, engine->wake, &event) == 0 &&
           epoll_ctl(engine->sleep_epoll, EPOLL_CTL_ADD, engine->wake, &event) == 0 &&
           epoll_ctl(engine->sleep_epoll, EPOLL_CTL_ADD, engine->epoll, &event) == 0;
}

static void engine_locks(struct engine *engine)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->turn, NULL);
    pthread_cond_init(&engine->room, &monotonic);
    pthread_cond_init(&engine->arrival, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void engine_prepare(struct engine *engine)
{
    pthread_once(&fork_once, fork_watch);
    *engine = (struct engine){.process = atomic_load(&fork_generation),
                              .epoll = -1,
                              .sleep_epoll = -1,
                              .wake = -1,
                              .reply_fd = -1,
                              .next_deadline_us = INT64_MAX,
                              .next_waiting_us = INT64_MAX};
    engine_locks(engine);
    TAILQ_INIT(&engine->incoming);
    SLIST_INIT(&engine->resumed);
    TAILQ_INIT(&engine->replies);
    TAILQ_INIT(&engine->active);
    queue_init(&engine->waiting);
}

int engine_open(struct engine *engine, const char *conninfo, const dlg_settings *settings,
                const struct connection_events *events, const struct topology_events *topology_events,
                dlg_error **error)
{
    engine->settings = settings;
    engine->send_order = send_order_new();
    if (!engine->send_order || !topology_init(&engine->topology, engine, conninfo, settings, events, topology_events))
        return error_set(error, DLG_E_MEMORY, "out of memory");
    if (!engine_descriptors(engine))
        return error_set(error, DLG_E_MEMORY, "no file descriptors: %s; raise the limit (ulimit -n)", strerror(errno));
    return DLG_OK;
}

int engine_wait_ready(struct engine *engine, int64_t deadline_us, dlg_error **error)
{
    while (!atomic_load(&engine->ready)) {
        if (clock_monotonic_us() >= deadline_us || atomic_load(&engine->refused)) {
            pthread_mutex_lock(&engine->lock);
            dlg_error *why = error_copy(engine->loss);
            pthread_mutex_unlock(&engine->lock);
            return why ? error_give(error, why)
                       : error_set(error, DLG_E_UNAVAILABLE, "the database accepted no connection in time");
        }
        usleep(500);
    }
    return DLG_OK;
}

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

void engine_free(struct engine *engine)
{
    bool forked = engine_is_forked(engine);
    topology_free(&engine->topology, forked);
    struct request *request;
    while (!forked && (request = TAILQ_FIRST(&engine->replies))) {
        TAILQ_REMOVE(&engine->replies, request, link);
        request_release(request);
    }
    close_descriptor(engine->epoll);
    close_descriptor(engine->sleep_epoll);
    close_descriptor(engine->wake);
    close_descriptor(engine->reply_fd);
    send_order_free(engine->send_order);
    if (forked)
        return; /* another thread may have held the lock when the process was copied */
    dlg_error_free(engine->loss);
    free(engine->cancels.payloads);
    pthread_cond_destroy(&engine->room);
    pthread_cond_destroy(&engine->arrival);
    pthread_mutex_destroy(&engine->turn);
    pthread_mutex_destroy(&engine->lock);
}
