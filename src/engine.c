/*
 * Design notes.
 *
 * A client has one I/O thread, which owns every connection, every queue of queries and every request
 * from the moment it is taken from `incoming` until it is completed. Nothing of that is locked. The
 * lock guards the two lists through which other threads give and take: `incoming` and `replies`.
 *
 * A request is a small state machine: `step` runs on the I/O thread when the request arrives and again
 * each time nothing of it is outstanding. A step starts queries (engine_query), sends itself to a
 * worker thread (engine_expect, then engine_resume from there), or completes the request.
 *
 *   caller thread          I/O thread                                            PostgreSQL
 *   engine_submit --incoming--> step --engine_query--> node queue --segment--> lane --> ...
 *   reply <------ request_complete <-- step <-- answered / error <------------ lane <-- ...
 *
 * One turn of the loop: wait for descriptors and timers; let lanes read what came; take new requests;
 * expire deadlines; send what waits. Sends that arrive while every commit lane is busy wait in the
 * node's queue and leave together, as one segment with one commit, when a lane is free: nobody waits
 * for a batch to fill. Reads have lanes of their own and are sent in the turn in which they arrive.
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
#include "engine.h"

#include "dispatch.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

/* ---- Completion ---- */

static void wake(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void quota_release(struct engine *engine, struct request *request)
{
    atomic_fetch_sub(&engine->queued_bytes, request->bytes);
    atomic_fetch_sub(&engine->queued, 1);
    if (atomic_load(&engine->room_waiters) == 0)
        return;
    pthread_mutex_lock(&engine->lock);
    pthread_cond_broadcast(&engine->room);
    pthread_mutex_unlock(&engine->lock);
}

static void reply_enqueue(struct engine *engine, struct request *request)
{
    pthread_mutex_lock(&engine->lock);
    bool first = TAILQ_EMPTY(&engine->replies);
    TAILQ_INSERT_TAIL(&engine->replies, request, link);
    if (engine->arrival_waiters)
        pthread_cond_signal(&engine->arrival);
    if (first)
        wake(engine->reply_fd);
    pthread_mutex_unlock(&engine->lock);
}

/* The waiter may give its reference up as soon as it is told, or have done so long before. */
static void request_post(struct request *request)
{
    sem_post(&request->finished);
    request_release(request);
}

static void request_deliver(struct engine *engine, struct request *request)
{
    if (request->awaited)
        request_post(request);
    else if (request->callback)
        request->callback((dlg_reply *)(void *)request, request->payload);
    else
        reply_enqueue(engine, request);
}

/* Takes back the queries that wait; those under way in a lane come back by themselves, to nobody. */
static void request_withdraw(struct request *request)
{
    for (int i = 0; i < REQUEST_QUERIES; i++) {
        if (!request->queries[i].queue)
            continue;
        dispatch_forget(&request->queries[i]);
        request->outstanding--;
        request_release(request);
    }
}

void request_complete(struct request *request, dlg_error *error)
{
    struct engine *engine = request->engine;
    if (error && error->fate == DLG_FATE_NOT_WRITTEN)
        error_set_fate(error, request_fate(request));
    request->error = error;
    request->done = true;
    TAILQ_REMOVE(&engine->active, request, link);
    request_withdraw(request);
    atomic_fetch_add_explicit(&engine->completed, 1, memory_order_relaxed);
    if (error)
        atomic_fetch_add_explicit(&engine->failed, 1, memory_order_relaxed);
    engine->undelivered += dlg_error_code(error) == DLG_E_CLOSED;
    quota_release(engine, request);
    request_deliver(engine, request);
}

void request_fail(struct request *request, struct query *query)
{
    dlg_error *error = query->error;
    query->error = NULL;
    request_complete(request, error);
}

/* ---- Submission ---- */

/* With the lock held. One request is always taken, however large it is. */
static bool quota_take(struct engine *engine, size_t bytes)
{
    uint32_t count = atomic_load(&engine->queued);
    uint64_t held = atomic_load(&engine->queued_bytes);
    if ((int64_t)count >= engine->settings->queue_requests ||
        (count > 0 && (int64_t)(held + bytes) > engine->settings->queue_bytes))
        return false;
    atomic_fetch_add(&engine->queued, 1);
    atomic_fetch_add(&engine->queued_bytes, bytes);
    return true;
}

static void deadline_timespec(int64_t deadline_us, struct timespec *at)
{
    at->tv_sec = deadline_us / 1000000;
    at->tv_nsec = deadline_us % 1000000 * 1000;
}

/* With the lock held: waits for room until the deadline. */
static bool quota_wait(struct engine *engine, struct request *request)
{
    struct timespec until;
    deadline_timespec(request->deadline_us, &until);
    bool taken = false;
    engine->room_waiters++;
    while (!engine->closing && !(taken = quota_take(engine, request->bytes)))
        if (pthread_cond_timedwait(&engine->room, &engine->lock, &until) == ETIMEDOUT)
            break;
    engine->room_waiters--;
    return taken;
}

static int refuse(struct engine *engine, dlg_error **error)
{
    if (atomic_load(&engine->closing))
        return error_set(error, DLG_E_CLOSED, "the client is being closed");
    atomic_fetch_add_explicit(&engine->overloads, 1, memory_order_relaxed);
    return error_set(error, DLG_E_OVERLOAD, "too many requests are waiting; try again later");
}

static bool request_enter(struct engine *engine, struct request *request, bool wait)
{
    pthread_mutex_lock(&engine->lock);
    bool taken =
        !atomic_load(&engine->closing) && (quota_take(engine, request->bytes) || (wait && quota_wait(engine, request)));
    bool first = TAILQ_EMPTY(&engine->incoming) && SLIST_EMPTY(&engine->resumed);
    if (taken)
        TAILQ_INSERT_TAIL(&engine->incoming, request, link);
    pthread_mutex_unlock(&engine->lock);
    if (taken) /* the request may be done and gone already */
        atomic_fetch_add_explicit(&engine->requests, 1, memory_order_relaxed);
    if (taken && first)
        wake(engine->wake);
    return taken;
}

static int engine_submit(struct engine *engine, struct request *request, int64_t timeout_us, bool wait,
                         dlg_error **error)
{
    if (engine_is_forked(engine))
        return error_set(error, DLG_E_FORKED, "the client was opened before fork(); open another one here");
    if (timeout_us < 0)
        return error_set(error, DLG_E_ARGUMENT, "a timeout is 0 (the setting) or positive, in microseconds");
    request->engine = engine;
    request->deadline_us = clock_deadline(timeout_us ? timeout_us : engine->settings->timeout_ms * 1000);
    atomic_fetch_add(&engine->callers, 1);
    int code = request_enter(engine, request, wait) ? DLG_OK : refuse(engine, error);
    atomic_fetch_sub(&engine->callers, 1);
    return code;
}

int engine_may_wait(const struct engine *engine, dlg_error **error)
{
    if (engine_is_here(engine))
        return error_set(error, DLG_E_STATE, "a blocking call inside a callback would wait for itself");
    return DLG_OK;
}

int engine_begin(struct engine *engine, struct request *request, int64_t timeout_us, bool wait, dlg_error **error)
{
    int code = engine_may_wait(engine, error);
    if (code != DLG_OK)
        return code;
    request->awaited = true;
    sem_init(&request->finished, 0, 0);
    request_hold(request); /* the engine's, until the request is done */
    code = engine_submit(engine, request, timeout_us, wait, error);
    if (code != DLG_OK)
        request_release(request);
    return code;
}

int engine_finish(struct request *request, dlg_error **error)
{
    while (sem_wait(&request->finished) < 0)
        ; /* interrupted by a signal */
    return request->error && error ? error_give(error, error_copy(request->error)) : dlg_error_code(request->error);
}

int engine_call(struct engine *engine, struct request *request, int64_t timeout_us, dlg_error **error)
{
    int code = engine_begin(engine, request, timeout_us, true, error);
    return code == DLG_OK ? engine_finish(request, error) : code;
}

int engine_post(struct engine *engine, struct request *request, int64_t timeout_us, dlg_callback callback,
                void *payload, dlg_error **error)
{
    request->callback = callback;
    request->payload = payload;
    int code = engine_submit(engine, request, timeout_us, false, error);
    if (code != DLG_OK)
        request_release(request);
    return code;
}

void engine_expect(struct request *request)
{
    request->outstanding++;
    request_hold(request);
}

void engine_resume(struct request *request)
{
    struct engine *engine = request->engine;
    pthread_mutex_lock(&engine->lock);
    bool first = TAILQ_EMPTY(&engine->incoming) && SLIST_EMPTY(&engine->resumed);
    SLIST_INSERT_HEAD(&engine->resumed, request, resumed);
    pthread_mutex_unlock(&engine->lock);
    if (first)
        wake(engine->wake);
}

void engine_refresh_topology(struct engine *engine)
{
    atomic_store(&engine->refresh, true);
    wake(engine->wake);
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

int engine_wait_ready(struct engine *engine, int64_t deadline_us, dlg_error **error)
{
    while (!atomic_load(&engine->ready)) {
        if (clock_monotonic_us() >= deadline_us) {
            pthread_mutex_lock(&engine->lock);
            dlg_error *why = error_copy(engine->loss);
            pthread_mutex_unlock(&engine->lock);
            return why ? error_give(error, why)
                       : error_set(error, DLG_E_UNAVAILABLE, "the database took no connection in time");
        }
        usleep(500);
    }
    return DLG_OK;
}

void engine_count_stale(struct engine *engine)
{
    atomic_fetch_add_explicit(&engine->stale, 1, memory_order_relaxed);
}

/* ---- The I/O thread ---- */

static void deadline_note(struct engine *engine, const struct request *request)
{
    if (request->deadline_us < engine->next_deadline_us)
        engine->next_deadline_us = request->deadline_us;
}

static dlg_error *closed_error(void)
{
    dlg_error *error = NULL;
    error_set(&error, DLG_E_CLOSED, "the client was closed before the request was done");
    return error;
}

static bool is_under_way(const struct request *request)
{
    for (int i = 0; i < REQUEST_QUERIES; i++)
        if (request->queries[i].segment)
            return true;
    return false;
}

/* Why a request whose time is over was not done: unless it waits for an answer, what the database last said. */
static dlg_error *timeout_error(const struct engine *engine, const struct request *request)
{
    dlg_error *error = NULL;
    const struct node *node = topology_first(&engine->topology);
    bool waits = is_under_way(request);
    if (!waits && request->last_error)
        return error_copy(request->last_error);
    if (!waits && !atomic_load(&engine->ready) && node->last_error)
        return error_copy(node->last_error);
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
        TAILQ_INSERT_TAIL(&engine->active, request, link);
        deadline_note(engine, request);
        request->step(request);
    }
    while ((request = SLIST_FIRST(&resumed))) {
        SLIST_REMOVE_HEAD(&resumed, resumed);
        if (--request->outstanding == 0 && !request->done)
            request->step(request);
        request_release(request);
    }
}

static int wait_ms(const struct engine *engine)
{
    int64_t timer = dispatch_next_timer(engine);
    int64_t until = timer < engine->next_deadline_us ? timer : engine->next_deadline_us;
    if (until == INT64_MAX)
        return -1;
    int64_t left = until - clock_monotonic_us();
    return left <= 0 ? 0 : left > 60000000 ? 60000 : (int)((left + 999) / 1000);
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

static void *io_main(void *argument)
{
    struct engine *engine = argument;
    struct epoll_event events[64];
    engine->now_us = clock_monotonic_us();
    do {
        dispatch_timers(engine);
        dispatch_run(engine);
        int count = epoll_wait(engine->epoll, events, 64, wait_ms(engine));
        engine->now_us = clock_monotonic_us();
        handle_events(engine, events, count);
        take_incoming(engine);
        if (atomic_exchange(&engine->refresh, false))
            topology_refresh(&engine->topology, engine->now_us);
        if (engine->now_us >= engine->next_deadline_us)
            expire_deadlines(engine);
    } while (!atomic_load(&engine->stopping));
    take_incoming(engine);
    complete_all(engine);
    dispatch_stop(engine);
    return NULL;
}

/* ---- The reply queue ---- */

/* With the lock held: until there is a reply, the time is over, or there will be none any more. */
static void reply_wait(struct engine *engine, int64_t timeout_us)
{
    struct timespec until;
    deadline_timespec(timeout_us < 0 ? INT64_MAX : clock_deadline(timeout_us), &until);
    engine->arrival_waiters++;
    while (TAILQ_EMPTY(&engine->replies) && !engine->ended)
        if (pthread_cond_timedwait(&engine->arrival, &engine->lock, &until) == ETIMEDOUT)
            break;
    engine->arrival_waiters--;
}

dlg_reply *engine_next_reply(struct engine *engine, int64_t timeout_us)
{
    atomic_fetch_add(&engine->callers, 1);
    pthread_mutex_lock(&engine->lock);
    if (timeout_us != 0 && !engine_is_here(engine))
        reply_wait(engine, timeout_us);
    struct request *request = TAILQ_FIRST(&engine->replies);
    if (request)
        TAILQ_REMOVE(&engine->replies, request, link);
    if (TAILQ_EMPTY(&engine->replies)) {
        uint64_t wakes;
        while (read(engine->reply_fd, &wakes, sizeof wakes) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_unlock(&engine->lock);
    atomic_fetch_sub(&engine->callers, 1);
    return (dlg_reply *)(void *)request;
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
    if (!topology_init(&engine->topology, engine, conninfo, settings, &dispatch_events))
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
    int failed = pthread_create(&engine->thread, NULL, io_main, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return error_set(error, DLG_E_MEMORY, "cannot start a thread: %s", strerror(failed));
    engine->running = true;
    return DLG_OK;
}

void engine_drain(struct engine *engine, int64_t deadline_us)
{
    struct timespec until;
    deadline_timespec(deadline_us, &until);
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
    wake(engine->wake);
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
    if (forked)
        return; /* another thread may have held the lock when the process was copied */
    dlg_error_free(engine->loss);
    pthread_cond_destroy(&engine->room);
    pthread_cond_destroy(&engine->arrival);
    pthread_mutex_destroy(&engine->lock);
}
