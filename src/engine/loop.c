/* loop.c - the loop: turns that the I/O thread takes, or a lone caller in its place. See engine.c. */
#include "engine/engine.h"

#include "engine/dispatch.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

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
        if (request->queries[i].batch)
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

static int64_t next_timer(const struct engine *engine)
{
    int64_t timer = dispatch_next_timer(engine);
    return timer < engine->next_deadline_us ? timer : engine->next_deadline_us;
}

static int wait_ms(const struct engine *engine)
{
    int64_t until = next_timer(engine);
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

/* ---- The I/O thread ---- */

/* Waits for something to do, without the right to a turn, which a caller may take meanwhile. */
static int turn_wait(struct engine *engine, struct epoll_event *events, int most)
{
    int timeout_ms = wait_ms(engine);
    engine->asleep_until_us = timeout_ms < 0 ? INT64_MAX : clock_monotonic_us() + timeout_ms * 1000;
    pthread_mutex_unlock(&engine->turn);
    int count = epoll_wait(engine->epoll, events, most, timeout_ms);
    pthread_mutex_lock(&engine->turn);
    return count;
}

/* So many requests at once make a crowd, which ends below the second; more than the third fill turns by themselves. */
enum { CROWD_BEGIN = 16, CROWD_END = 4, CROWD_MOST = 200 };

/*
 * In a crowd the thread lets whoever runs go on, when no processor is free (sched(7), SCHED_BATCH). Each turn then
 * serves many; otherwise it would take the processor from the very server that it waits for, once for each answer. A
 * few do not wait for others: for them it runs at once. Returns whether there is a crowd; `crowd`: there was.
 */
static bool crowd_note(const struct engine *engine, bool crowd)
{
    const struct sched_param none = {0};
    uint32_t queued = atomic_load_explicit(&engine->queued, memory_order_relaxed);
    bool still = queued >= (crowd ? CROWD_END : CROWD_BEGIN) && queued <= CROWD_MOST;
    if (still != crowd)
        sched_setscheduler(0, still ? SCHED_BATCH : SCHED_OTHER, &none);
    return still;
}

void *engine_run(void *argument)
{
    struct engine *engine = argument;
    struct epoll_event events[64];
    bool usual = sched_getscheduler(0) == SCHED_OTHER; /* a class that its owner chose stays */
    bool crowd = false;
    pthread_mutex_lock(&engine->turn);
    engine->now_us = clock_monotonic_us();
    do {
        dispatch_timers(engine);
        dispatch_run(engine);
        crowd = usual && crowd_note(engine, crowd);
        int count = turn_wait(engine, events, 64);
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
    pthread_mutex_unlock(&engine->turn);
    return NULL;
}

/* ---- A lone caller ---- */

/* A server that takes longer is waited for by the I/O thread, which has timers and others to think of. */
enum { DRIVE_MS = 5 };

/* False: somebody else has come, whom the I/O thread serves. */
static bool drive_events(struct engine *engine)
{
    struct epoll_event events[8];
    int count = epoll_wait(engine->epoll, events, 8, DRIVE_MS);
    engine->now_us = clock_monotonic_us();
    for (int i = 0; i < count; i++) {
        if (!events[i].data.ptr)
            return false;
        dispatch_handle(events[i].data.ptr);
    }
    dispatch_run(engine);
    return true;
}

void engine_drive(struct engine *engine, struct request *request)
{
    engine->now_us = clock_monotonic_us();
    int64_t until_us = engine->now_us + DRIVE_MS * 1000;
    TAILQ_INSERT_TAIL(&engine->active, request, link);
    deadline_note(engine, request);
    request->step(request);
    dispatch_run(engine);
    while (!request->done && engine->now_us < until_us && drive_events(engine))
        ;
    bool sooner = next_timer(engine) < engine->asleep_until_us;
    pthread_mutex_unlock(&engine->turn);
    if (sooner)
        engine_wake(engine->wake);
}
