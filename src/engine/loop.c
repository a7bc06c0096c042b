#include "engine/loop.h"

#include "engine/cancel.h"
#include "engine/complete.h"
#include "engine/dispatch.h"
#include "engine/dispatch_answers.h"
#include "engine/dispatch_timers.h"
#include "engine/turn.h"
#include "engine/watermark.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static dlg_error *closed_error(void)
{
    dlg_error *error = NULL;
    error_set(&error, DLG_E_CLOSED, "the client was closed before the request was done");
    return error;
}

static bool is_under_way(const struct request *request)
{
    for (int i = 0; i < REQUEST_QUERIES; i++)
        if (request->queries[i].batch)
            return true;
    return false;
}

/* The database may have answered long ago. */
static bool was_held(const struct engine *engine, const struct request *request)
{
    enum { COARSE_US = 20000 };
    return engine->held_from_us - COARSE_US < request->deadline_us &&
           request->deadline_us < engine->held_until_us + COARSE_US;
}

/* Why a request whose time is over was not done: unless it waits for an answer, what the database last said. */
static dlg_error *timeout_error(const struct engine *engine, const struct request *request)
{
    dlg_error *error = NULL;
    const struct node *node = topology_first(&engine->topology);
    bool waits = is_under_way(request);
    if (was_held(engine, request))
        error_set(&error, DLG_E_TIMEOUT,
                  "the deadline passed while a callback kept the I/O thread for %.1f s: callbacks must not block",
                  (double)(engine->held_until_us - engine->held_from_us) / 1e6);
    if (error)
        return error;
    if (!waits && request->last_error)
        return error_copy(request->last_error);
    if (!waits && !atomic_load(&engine->ready) && node->last_error)
        return error_copy(node->last_error);
    if (request->last_error)
        error_set(&error, DLG_E_TIMEOUT, "the deadline passed before the database answered; the attempt before: %s",
                  dlg_error_message(request->last_error));
    else
        error_set(&error, DLG_E_TIMEOUT, "the deadline passed before the database answered");
    return error;
}

static void expire_deadlines(struct engine *engine)
{
    engine->next_deadline_us = INT64_MAX;
    struct request *request = TAILQ_FIRST(&engine->active);
    while (request) {
        struct request *next = TAILQ_NEXT(request, link);
        if (request->deadline_us <= engine->now_us)
            request_complete(request, timeout_error(engine, request));
        else
            deadline_note(engine, request);
        request = next;
    }
}

/* Whether it waits for a connection of a kind that there is none of. */
static bool is_stuck(const struct request *request, const struct node *node)
{
    for (int i = 0; i < REQUEST_QUERIES; i++)
        if (request->queries[i].queue && !node_ready(node, request->queries[i].statement->writes))
            return true;
    return false;
}

/* Nobody is to wait for a server that will go on to refuse: a wrong password, no such database. */
static void fail_refused(struct engine *engine)
{
    const struct node *node = topology_first(&engine->topology);
    struct request *request = TAILQ_FIRST(&engine->active);
    while (request) {
        struct request *next = TAILQ_NEXT(request, link);
        if (is_stuck(request, node))
            request_complete(request, error_copy(node->last_error));
        request = next;
    }
}

static void take_incoming(struct engine *engine)
{
    struct request_list taken = TAILQ_HEAD_INITIALIZER(taken);
    struct resumed_list resumed = SLIST_HEAD_INITIALIZER(resumed);
    pthread_mutex_lock(&engine->lock);
    TAILQ_CONCAT(&taken, &engine->incoming, link);
    resumed = engine->resumed;
    SLIST_INIT(&engine->resumed);
    pthread_mutex_unlock(&engine->lock);

    struct request *request;
    while ((request = TAILQ_FIRST(&taken))) {
        TAILQ_REMOVE(&taken, request, link);
        turn_start(engine, request);
    }
    while ((request = SLIST_FIRST(&resumed))) {
        SLIST_REMOVE_HEAD(&resumed, resumed);
        if (--request->outstanding == 0 && !request->done)
            request->step(request);
        request_release(request);
    }
}

static void handle_events(struct engine *engine, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr) {
            dispatch_handle(events[i].data.ptr);
            continue;
        }
        uint64_t wakes;
        while (read(engine->wake, &wakes, sizeof wakes) < 0 && errno == EINTR)
            ;
    }
}

static void complete_all(struct engine *engine)
{
    struct request *request;
    while ((request = TAILQ_FIRST(&engine->active)))
        request_complete(request, closed_error());
}

/* ---- The I/O thread ---- */

/* Busy mode begins with so many requests and ends below the second; more than the third fill iterations by themselves.
 */
enum { BUSY_BEGIN = 16, BUSY_END = 4, BUSY_MOST = 200 };

/*
 * In busy mode the thread does not preempt whoever runs when no processor is free (sched(7), SCHED_BATCH): each
 * iteration then serves many requests. Otherwise the thread would preempt the very server that it waits for, once for
 * each answer. A few requests do not wait for others. Returns whether busy mode is on; `busy`: it was.
 */
static bool busy_update(const struct engine *engine, bool busy)
{
    const struct sched_param none = {0};
    uint32_t queued = atomic_load_explicit(&engine->queued, memory_order_relaxed);
    bool still = queued >= (busy ? BUSY_END : BUSY_BEGIN) && queued <= BUSY_MOST;
    if (still != busy)
        sched_setscheduler(0, still ? SCHED_BATCH : SCHED_OTHER, &none);
    return still;
}

/* The setting asks for it, and nobody has chosen another class for the thread. */
static bool busy_mode_is_allowed(const struct engine *engine)
{
    return engine->settings->batch_scheduling == BATCH_SCHEDULING_ON && sched_getscheduler(0) == SCHED_OTHER;
}

static void loop_iterate(struct engine *engine)
{
    struct epoll_event events[64];
    int count = turn_wait(engine, events, 64);
    engine->now_us = clock_monotonic_us();
    handle_events(engine, events, count);
    take_incoming(engine);
    if (atomic_load(&engine->cancel))
        cancel_run(engine);
    if (atomic_exchange(&engine->refresh, false))
        topology_refresh(&engine->topology, engine->now_us);
    if (atomic_load(&engine->refused))
        fail_refused(engine);
    if (engine->now_us >= engine->next_deadline_us)
        expire_deadlines(engine);
}

static void *engine_run(void *argument)
{
    struct engine *engine = argument;
    bool may_batch = busy_mode_is_allowed(engine);
    bool busy = false;
    turn_claim(engine);
    do {
        dispatch_timers(engine);
        dispatch_run(engine);
        busy = may_batch && busy_update(engine, busy);
        loop_iterate(engine);
    } while (!atomic_load(&engine->stopping));
    take_incoming(engine);
    complete_all(engine);
    dispatch_stop(engine);
    watermark_close(engine);
    turn_release(engine);
    return NULL;
}

/* ---- Its life ---- */

int engine_start(struct engine *engine, dlg_error **error)
{
    sigset_t all, before;
    if (!watermark_open(engine))
        return error_set(error, DLG_E_MEMORY, "out of memory");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the host's threads */
    int failed = pthread_create(&engine->thread, NULL, engine_run, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        watermark_close(engine);
        return error_set(error, DLG_E_MEMORY, "cannot start a thread: %s", strerror(failed));
    }
    engine->running = true;
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

/* Those that wait for room or for a reply are let go, and those that poll for replies hear of it. */
static void callers_dismiss(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->ended = true;
    engine_wake(engine->reply_fd);
    pthread_cond_broadcast(&engine->arrival);
    pthread_mutex_unlock(&engine->lock);
    while (atomic_load(&engine->callers))
        sched_yield();
}

size_t engine_stop(struct engine *engine)
{
    if (!engine->running)
        return engine->undelivered;
    atomic_store(&engine->closing, true);
    atomic_store(&engine->stopping, true);
    engine_wake(engine->wake);
    pthread_join(engine->thread, NULL);
    callers_dismiss(engine);
    engine->running = false;
    return engine->undelivered;
}
