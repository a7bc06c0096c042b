#include "engine/turn.h"

#include "engine/dispatch.h"
#include "engine/dispatch_answers.h"
#include "engine/dispatch_timers.h"

#include <errno.h>

/*
 * The I/O thread sleeps on `sleep_epoll`, which has `wake` and `epoll`. `epoll` has `wake` and the connections. While
 * a caller has the turn `epoll` is taken out of `sleep_epoll`: an answer wakes the caller and nobody else. A new
 * request wakes both.
 */
static void sleep_watch(struct engine *engine, bool connections)
{
    struct epoll_event event = {.events = connections ? (uint32_t)EPOLLIN : 0};
    epoll_ctl(engine->sleep_epoll, EPOLL_CTL_MOD, engine->epoll, &event);
}

/* ---- The I/O thread ---- */

void turn_claim(struct engine *engine)
{
    pthread_mutex_lock(&engine->turn);
    engine_enter(engine);
    engine->now_us = clock_monotonic_us();
}

void turn_release(struct engine *engine)
{
    pthread_mutex_unlock(&engine->turn);
}

static int64_t next_timer(const struct engine *engine)
{
    int64_t timer = dispatch_next_timer(engine);
    return timer < engine->next_deadline_us ? timer : engine->next_deadline_us;
}

static int milliseconds_until(int64_t until_us)
{
    if (until_us == INT64_MAX)
        return -1;
    int64_t left = until_us - clock_monotonic_us();
    return left <= 0 ? 0 : left > 60000000 ? 60000 : (int)((left + 999) / 1000);
}

static int sleep_without_turn(struct engine *engine, int timeout_ms)
{
    struct epoll_event event;
    pthread_mutex_unlock(&engine->turn);
    int count = epoll_wait(engine->sleep_epoll, &event, 1, timeout_ms);
    pthread_mutex_lock(&engine->turn);
    return count;
}

int turn_wait(struct engine *engine, struct epoll_event *events, int most)
{
    engine->asleep_until_us = next_timer(engine);
    int timeout_ms = milliseconds_until(engine->asleep_until_us);
    if (atomic_load(&engine->queued) > 0)
        return epoll_wait(engine->epoll, events, most, timeout_ms);
    int count = sleep_without_turn(engine, timeout_ms);
    return count > 0 ? epoll_wait(engine->epoll, events, most, 0) : count;
}

void deadline_note(struct engine *engine, const struct request *request)
{
    if (request->deadline_us < engine->next_deadline_us)
        engine->next_deadline_us = request->deadline_us;
}

void turn_start(struct engine *engine, struct request *request)
{
    TAILQ_INSERT_TAIL(&engine->active, request, link);
    deadline_note(engine, request);
    request->step(request);
}

/* ---- A caller ---- */

/* A server that takes longer is waited for by the I/O thread, which has timers and others to think of. */
enum { CALLER_MS = 5 };

bool turn_take(struct engine *engine)
{
    return atomic_load(&engine->queued) == 1 && atomic_load(&engine->ready) &&
           pthread_mutex_trylock(&engine->turn) == 0;
}

/* False: the I/O thread is asked for. */
static bool handle_answers(struct engine *engine)
{
    struct epoll_event events[8];
    int count = epoll_wait(engine->epoll, events, 8, CALLER_MS);
    bool alone = true;
    engine->now_us = clock_monotonic_us();
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr)
            dispatch_handle(events[i].data.ptr);
        else
            alone = false;
    }
    dispatch_run(engine);
    return alone;
}

void turn_use(struct engine *engine, struct request *request)
{
    const struct engine *before = engine_enter(engine);
    sleep_watch(engine, false);
    engine->now_us = clock_monotonic_us();
    int64_t until_us = engine->now_us + CALLER_MS * INT64_C(1000);
    turn_start(engine, request);
    dispatch_run(engine);
    while (!request->done && engine->now_us < until_us && handle_answers(engine))
        ;
    bool sooner = next_timer(engine) < engine->asleep_until_us;
    sleep_watch(engine, true);
    engine_enter(before);
    pthread_mutex_unlock(&engine->turn);
    if (sooner)
        engine_wake(engine->wake);
}
