#include "engine/complete.h"

#include "base/assertion.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/send_order.h"

#include <errno.h>
#include <unistd.h>

/* There is room again, or a reply was taken. */
static void room_announce(struct engine *engine)
{
    if (atomic_load(&engine->room_waiters) == 0)
        return;
    pthread_mutex_lock(&engine->lock);
    pthread_cond_broadcast(&engine->room);
    pthread_mutex_unlock(&engine->lock);
}

static void quota_release(struct engine *engine, const struct request *request)
{
    DLG_ASSERT(atomic_load(&engine->queued) > 0 && atomic_load(&engine->queued_bytes) >= request->bytes);
    atomic_fetch_sub(&engine->queued_bytes, request->bytes);
    atomic_fetch_sub(&engine->queued, 1);
    room_announce(engine);
}

/* From here on the request counts with what the reply holds. */
static void request_settle(struct request *request)
{
    if (request->settle)
        request->bytes = request->settle(request);
    for (int i = 0; i < REQUEST_QUERIES; i++)
        if (!request->queries[i].batch)
            query_clear(&request->queries[i]);
}

static void reply_enqueue(struct engine *engine, struct request *request)
{
    atomic_fetch_add(&engine->untaken, 1);
    atomic_fetch_add(&engine->untaken_bytes, request->bytes);
    pthread_mutex_lock(&engine->lock);
    bool first = TAILQ_EMPTY(&engine->replies);
    TAILQ_INSERT_TAIL(&engine->replies, request, link);
    if (engine->arrival_waiters)
        pthread_cond_signal(&engine->arrival);
    if (first)
        engine_wake(engine->reply_fd);
    pthread_mutex_unlock(&engine->lock);
}

/* The waiter may give its reference up as soon as it is told, or have done so long before. */
static void request_post(struct request *request)
{
    sem_post(&request->finished);
    request_release(request);
}

/* A callback that takes so long is told: nobody else is served meanwhile. */
enum { SLOW_CALLBACK_US = 100000 };

static void callback_run(struct engine *engine, struct request *request)
{
    int64_t begin_us = clock_coarse_us();
    request->callback((dlg_reply *)(void *)request, request->payload);
    int64_t took_us = clock_coarse_us() - begin_us;
    if (took_us < SLOW_CALLBACK_US)
        return;
    engine->held_from_us = begin_us;
    engine->held_until_us = begin_us + took_us;
    LOG(engine->settings, DLG_LOG_LEVEL_WARNING, "dispatch",
        "a callback took %.1f s: no other request was served meanwhile", (double)took_us / 1e6);
}

static void request_deliver(struct engine *engine, struct request *request)
{
    if (request->awaited)
        request_post(request);
    else if (request->callback)
        callback_run(engine, request);
    else
        reply_enqueue(engine, request);
}

/* Takes back the queries that wait; those under way in a connection come back by themselves, to nobody. */
static void request_withdraw(struct request *request)
{
    for (int i = 0; i < REQUEST_QUERIES; i++) {
        if (!request->queries[i].queue)
            continue;
        queue_remove(&request->queries[i]);
        send_order_remove(request->engine->send_order, &request->queries[i]);
        request->outstanding--;
        request_release(request);
    }
}

void request_complete(struct request *request, dlg_error *error)
{
    struct engine *engine = request->engine;
    DLG_ASSERT(!request->done && engine_is_here(engine));
    if (error)
        LOG(engine->settings, DLG_LOG_LEVEL_DEBUG, "dispatch", "a request failed with %s: %s",
            dlg_code_name(error->code), error->message);
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
    if (!request->awaited)
        request_settle(request);
    request_deliver(engine, request);
}

void request_fail(struct request *request, struct query *query)
{
    dlg_error *error = query->error;
    query->error = NULL;
    request_complete(request, error);
}

/* ---- The reply queue ---- */

/* With the lock held: until there is a reply, the time is over, or there will be none any more. */
static void reply_wait(struct engine *engine, int64_t timeout_us)
{
    struct timespec until;
    clock_timespec(clock_deadline(timeout_us), &until);
    engine->arrival_waiters++;
    while (TAILQ_EMPTY(&engine->replies) && !engine->ended)
        if (pthread_cond_timedwait(&engine->arrival, &engine->lock, &until) == ETIMEDOUT)
            break;
    engine->arrival_waiters--;
}

dlg_reply *engine_next_reply(struct engine *engine, int64_t timeout_us)
{
    pthread_mutex_lock(&engine->lock);
    bool waits = timeout_us != 0 && !engine->ended && !engine_is_here(engine);
    if (waits) {
        atomic_fetch_add(&engine->callers, 1);
        reply_wait(engine, timeout_us);
    }
    struct request *request = TAILQ_FIRST(&engine->replies);
    if (request)
        TAILQ_REMOVE(&engine->replies, request, link);
    if (TAILQ_EMPTY(&engine->replies) && !engine->ended) {
        uint64_t wakes;
        while (read(engine->reply_fd, &wakes, sizeof wakes) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_unlock(&engine->lock);
    if (waits)
        atomic_fetch_sub(&engine->callers, 1);
    if (request) {
        atomic_fetch_sub(&engine->untaken_bytes, request->bytes);
        atomic_fetch_sub(&engine->untaken, 1);
        room_announce(engine);
    }
    return (dlg_reply *)(void *)request;
}
