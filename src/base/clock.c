#include "base/clock.h"

#include <sodium.h>
#include <stdatomic.h>
#include <time.h>

/* A row with a date further ahead than this was not stamped by a sane clock: following it would
 * push every later message into the future. */
enum { BELIEVABLE_US = 60 * 1000000 };

/* 2020-01-01: 51 bits of microseconds after it last until 2091. */
#define ID_EPOCH_US INT64_C(1577836800000000)
enum { ID_RANDOM_BITS = 12 };

static int64_t clock_read(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_deadline(int64_t timeout_us)
{
    int64_t now = clock_monotonic_us();
    return timeout_us < INT64_MAX - now ? now + timeout_us : INT64_MAX;
}

void clock_timespec(int64_t monotonic_us, struct timespec *at)
{
    at->tv_sec = monotonic_us / 1000000;
    at->tv_nsec = monotonic_us % 1000000 * 1000;
}

int64_t clock_wall_us(void)
{
    return clock_read(CLOCK_REALTIME);
}

static int64_t server_now(struct clock *clock)
{
    return clock_wall_us() + atomic_load_explicit(&clock->offset_us, memory_order_relaxed);
}

int64_t clock_next(struct clock *clock)
{
    int64_t now = server_now(clock);
    int64_t last = atomic_load_explicit(&clock->last_us, memory_order_relaxed);
    int64_t next;
    do
        next = now > last ? now : last + 1;
    while (!atomic_compare_exchange_weak(&clock->last_us, &last, next));
    return next;
}

int64_t clock_now(struct clock *clock)
{
    int64_t now = server_now(clock);
    int64_t last = atomic_load_explicit(&clock->last_us, memory_order_relaxed);
    return now > last ? now : last;
}

void clock_observe(struct clock *clock, int64_t seen_us)
{
    int64_t last = atomic_load_explicit(&clock->last_us, memory_order_relaxed);
    if (seen_us <= last || seen_us > server_now(clock) + BELIEVABLE_US)
        return;
    while (seen_us > last && !atomic_compare_exchange_weak(&clock->last_us, &last, seen_us))
        ;
}

void clock_calibrate(struct clock *clock, int64_t server_us, int64_t asked_wall_us, int64_t answered_wall_us)
{
    int64_t middle = asked_wall_us + (answered_wall_us - asked_wall_us) / 2;
    atomic_store_explicit(&clock->offset_us, server_us - middle, memory_order_relaxed);
}

/* Some at a time, since each asking is a system call. */
static int64_t id_random(void)
{
    static _Thread_local uint16_t reserve[64];
    static _Thread_local size_t left;
    if (!left) {
        randombytes_buf(reserve, sizeof reserve);
        left = sizeof reserve / sizeof *reserve;
    }
    return reserve[--left] & ((1 << ID_RANDOM_BITS) - 1);
}

int64_t clock_id(int64_t moment_us)
{
    int64_t since = moment_us > ID_EPOCH_US ? moment_us - ID_EPOCH_US : 0;
    return ((since & ((INT64_C(1) << 51) - 1)) << ID_RANDOM_BITS | id_random()) | (since ? 0 : 1);
}
