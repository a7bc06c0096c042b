#include "engine/submit.h"

#include "base/log.h"
#include "base/timeout.h"
#include "engine/turn.h"

#include <errno.h>

/* What a caller does: goes on, whether there was room or not; waits for room; waits for the request too. */
enum entry { ENTRY_POST, ENTRY_WAIT, ENTRY_CALL };

/* With the lock held. One request is always taken, however large it is. */
static bool quota_take(struct engine *engine, size_t bytes)
{
    uint32_t count = atomic_load(&engine->queued) + atomic_load(&engine->untaken);
    uint64_t held = atomic_load(&engine->queued_bytes) + atomic_load(&engine->untaken_bytes);
    if ((int64_t)count >= engine->settings->queue_requests ||
        (count > 0 && (int64_t)(held + bytes) > engine->settings->queue_bytes))
        return false;
    atomic_fetch_add(&engine->queued, 1);
    atomic_fetch_add(&engine->queued_bytes, bytes);
    return true;
}

/* With the lock held: waits for room until the deadline. */
static bool quota_wait(struct engine *engine, struct request *request)
{
    struct timespec until;
    clock_timespec(request->deadline_us, &until);
    bool taken = false;
    engine->room_waiters++;
    while (!engine->closing && !(taken = quota_take(engine, request->bytes)))
        if (pthread_cond_timedwait(&engine->room, &engine->lock, &until) == ETIMEDOUT)
            break;
    engine->room_waiters--;
    return taken;
}

static int request_refuse(struct engine *engine, dlg_error **error)
{
    if (atomic_load(&engine->closing))
        return error_set(error, DLG_E_CLOSED, "the client is being closed");
    uint64_t before = atomic_fetch_add_explicit(&engine->overloads, 1, memory_order_relaxed);
    if ((before & (before - 1)) == 0) /* the 1st, 2nd, 3rd, 5th, 9th: an overload says so without filling the log */
        LOG(engine->settings, DLG_LOG_LEVEL_WARNING, "dispatch", "a queue is full: %llu requests refused so far",
            (unsigned long long)before + 1);
    if (atomic_load(&engine->untaken) > atomic_load(&engine->queued))
        return error_set(error, DLG_E_OVERLOAD, "too many replies wait in the queue: take them with dlg_reply_poll()");
    return error_set(error, DLG_E_OVERLOAD, "too many requests are waiting: try again later");
}

static bool request_enter(struct engine *engine, struct request *request, enum entry entry)
{
    bool wait = entry != ENTRY_POST;
    pthread_mutex_lock(&engine->lock);
    bool taken =
        !atomic_load(&engine->closing) && (quota_take(engine, request->bytes) || (wait && quota_wait(engine, request)));
    bool first = TAILQ_EMPTY(&engine->incoming) && SLIST_EMPTY(&engine->resumed);
    bool has_turn = taken && first && entry == ENTRY_CALL && turn_take(engine);
    if (taken && !has_turn)
        TAILQ_INSERT_TAIL(&engine->incoming, request, link);
    pthread_mutex_unlock(&engine->lock);
    if (taken) /* the request may be done and gone already */
        atomic_fetch_add_explicit(&engine->requests, 1, memory_order_relaxed);
    if (has_turn)
        turn_use(engine, request);
    else if (taken && first)
        engine_wake(engine->wake);
    return taken;
}

static int engine_submit(struct engine *engine, struct request *request, int64_t timeout_us, enum entry entry,
                         dlg_error **error)
{
    if (engine_is_forked(engine))
        return error_set(error, DLG_E_FORKED, "the client was opened before fork(): open another one in this process");
    int cancellable; /* a thread that was cancelled in here would keep a lock */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable);
    request->engine = engine;
    request->deadline_us = clock_deadline(timeout_choose(timeout_us, engine->settings->timeout_ms * 1000));
    atomic_fetch_add(&engine->callers, 1);
    int code = request_enter(engine, request, entry) ? DLG_OK : request_refuse(engine, error);
    atomic_fetch_sub(&engine->callers, 1);
    pthread_setcancelstate(cancellable, NULL);
    return code;
}

int engine_may_wait(const struct engine *engine, dlg_error **error)
{
    if (engine_is_here(engine))
        return error_set(error, DLG_E_STATE, "a blocking call inside a callback would wait for itself");
    return DLG_OK;
}

static int begin(struct engine *engine, struct request *request, int64_t timeout_us, enum entry entry,
                 dlg_error **error)
{
    int code = engine_may_wait(engine, error);
    if (code != DLG_OK)
        return code;
    request->awaited = true;
    sem_init(&request->finished, 0, 0);
    request_hold(request); /* the engine's, until the request is done */
    code = engine_submit(engine, request, timeout_us, entry, error);
    if (code != DLG_OK)
        request_release(request);
    return code;
}

int engine_begin(struct engine *engine, struct request *request, int64_t timeout_us, bool wait, dlg_error **error)
{
    return begin(engine, request, timeout_us, wait ? ENTRY_WAIT : ENTRY_POST, error);
}

int engine_finish(struct request *request, dlg_error **error)
{
    int cancellable; /* a thread that was cancelled in here would keep its request */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable);
    while (sem_wait(&request->finished) < 0)
        ; /* interrupted by a signal */
    pthread_setcancelstate(cancellable, NULL);
    return request->error && error ? error_give(error, error_copy(request->error)) : dlg_error_code(request->error);
}

int engine_call(struct engine *engine, struct request *request, int64_t timeout_us, dlg_error **error)
{
    int code = begin(engine, request, timeout_us, ENTRY_CALL, error);
    return code == DLG_OK ? engine_finish(request, error) : code;
}

int engine_post(struct engine *engine, struct request *request, int64_t timeout_us, dlg_callback callback,
                void *payload, dlg_error **error)
{
    request->callback = callback;
    request->payload = payload;
    int code = engine_submit(engine, request, timeout_us, ENTRY_POST, error);
    if (code != DLG_OK)
        request_release(request);
    return code;
}

void engine_resume(struct request *request)
{
    struct engine *engine = request->engine;
    pthread_mutex_lock(&engine->lock);
    bool first = TAILQ_EMPTY(&engine->incoming) && SLIST_EMPTY(&engine->resumed);
    SLIST_INSERT_HEAD(&engine->resumed, request, resumed);
    pthread_mutex_unlock(&engine->lock);
    if (first)
        engine_wake(engine->wake);
}

void engine_refresh_topology(struct engine *engine)
{
    atomic_store(&engine->refresh, true);
    engine_wake(engine->wake);
}
