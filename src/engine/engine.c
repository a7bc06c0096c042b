/*
 * Design notes.
 *
 * A client has one I/O thread, which owns every connection, every queue of queries and every request
 * from the moment it is taken from `incoming` until it is completed: its loop is in loop.c. Nothing of that is locked,
 * but for the right to take a turn. The lock guards the two lists through which other threads give and take: `incoming`
 * and `replies`. What those threads run is in submit.c and, for what comes back, complete.c.
 *
 * A request is a small state machine: `step` runs on the I/O thread when the request arrives and again
 * each time nothing of it is outstanding. A step starts queries (engine_query), sends itself to a
 * worker thread (engine_expect, then engine_resume from there), or completes the request.
 *
 *   caller thread          I/O thread                                            PostgreSQL
 *   engine_submit --incoming--> step --engine_query--> node queue --batch--> connection --> ...
 *   reply <------ request_complete <-- step <-- answered / error <------------ connection <-- ...
 *
 * One turn of the loop: wait for descriptors and timers; let connections read what came; take new requests;
 * expire deadlines; send what waits. Sends that arrive while every commit connection is busy wait in the
 * node's queue and leave together, as one batch with one commit, when a connection is free: nobody waits
 * for a batch to fill. Reads have connections of their own and are sent in the turn in which they arrive.
 *
 * The way to another thread and back costs a lone sender more than its commit may take. So a blocking call that finds
 * nothing else under way takes the turn itself, for as long as it is alone and the server is quick: it sends, waits for
 * the descriptors, and completes its own request. Callbacks stay on the I/O thread.
 *
 * Exactly one completion: request_complete() is the only place that hands a request over, and `done`
 * keeps late answers (of a request whose deadline has passed) from getting there. Memory is held by
 * references: the reply's receiver has one, each query or job under way has one.
 *
 * A write is attempted again after a lost connection under the same id, with ON CONFLICT DO NOTHING;
 * the query remembers that an earlier attempt may have been committed, which decides the fate that a
 * final error reports.
 *
 * After fork() the child has no I/O thread. The generation counter below tells, without a system call.
 */
#include "engine/engine.h"

#include "engine/dispatch.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
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

bool engine_is_here(const struct engine *engine)
{
    return engine->running && pthread_equal(pthread_self(), engine->thread);
}

/* ---- For steps, on the I/O thread ---- */

void engine_expect(struct request *request)
{
    request->outstanding++;
    request_hold(request);
}

void engine_query(struct engine *engine, struct query *query)
{
    query->request->outstanding++;
    request_hold(query->request);
    dispatch_query(engine, query);
}

void engine_reroute(struct engine *engine, struct query *query)
{
    dispatch_query(engine, query);
}

void engine_note_loss(struct engine *engine, const dlg_error *why)
{
    pthread_mutex_lock(&engine->lock);
    dlg_error_free(engine->loss);
    engine->loss = error_copy(why);
    pthread_mutex_unlock(&engine->lock);
}

void engine_count_stale(struct engine *engine)
{
    atomic_fetch_add_explicit(&engine->stale, 1, memory_order_relaxed);
}

/* ---- Life ---- */

static bool engine_descriptors(struct engine *engine)
{
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    engine->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    engine->reply_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    return engine->epoll >= 0 && engine->wake >= 0 && engine->reply_fd >= 0 &&
           epoll_ctl(engine->epoll, EPOLL_CTL_ADD, engine->wake, &event) == 0;
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

int engine_open(struct engine *engine, const char *conninfo, const dlg_settings *settings, dlg_error **error)
{
    engine->settings = settings;
    if (!dispatch_open(engine) || !topology_init(&engine->topology, engine, conninfo, settings, &dispatch_events))
        return error_set(error, DLG_E_MEMORY, "out of memory");
    if (!engine_descriptors(engine))
        return error_set(error, DLG_E_MEMORY, "no file descriptors: %s; raise the limit (ulimit -n)", strerror(errno));
    return DLG_OK;
}

int engine_start(struct engine *engine, dlg_error **error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the host's threads */
    int failed = pthread_create(&engine->thread, NULL, engine_run, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return error_set(error, DLG_E_MEMORY, "cannot start a thread: %s", strerror(failed));
    engine->running = true;
    return DLG_OK;
}

int engine_wait_ready(struct engine *engine, int64_t deadline_us, dlg_error **error)
{
    while (!atomic_load(&engine->ready)) {
        if (clock_monotonic_us() >= deadline_us) {
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

void engine_drain(struct engine *engine, int64_t deadline_us)
{
    struct timespec until;
    clock_timespec(deadline_us, &until);
    atomic_fetch_add(&engine->room_waiters, 1);
    pthread_mutex_lock(&engine->lock);
    atomic_store(&engine->closing, true);
    pthread_cond_broadcast(&engine->room);
    while (atomic_load(&engine->queued) > 0)
        if (pthread_cond_timedwait(&engine->room, &engine->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&engine->lock);
    atomic_fetch_sub(&engine->room_waiters, 1);
}

/* Those that wait for room or for a reply are let go. */
static void callers_dismiss(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->ended = true;
    pthread_cond_broadcast(&engine->arrival);
    pthread_mutex_unlock(&engine->lock);
    while (atomic_load(&engine->callers))
        sched_yield();
}

size_t engine_stop(struct engine *engine)
{
    if (!engine->running)
        return 0;
    atomic_store(&engine->closing, true);
    atomic_store(&engine->stopping, true);
    engine_wake(engine->wake);
    pthread_join(engine->thread, NULL);
    callers_dismiss(engine);
    engine->running = false;
    return engine->undelivered;
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
    close_descriptor(engine->wake);
    close_descriptor(engine->reply_fd);
    free(engine->recipients);
    if (forked)
        return; /* another thread may have held the lock when the process was copied */
    dlg_error_free(engine->loss);
    pthread_cond_destroy(&engine->room);
    pthread_cond_destroy(&engine->arrival);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->turn);
}
