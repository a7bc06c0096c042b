#include "base/clock.h"

#include <sodium.h>
#include <stdatomic.h>
#include <time.h>

/* A message dated further ahead was loaded, or stamped by no sane clock: following it would push every later message
 * into the future. */
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

int64_t clock_coarse_us(void)
{
    return clock_read(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_deadline(int64_t timeout_us)
{
    int64_t now = clock_monotonic_us();
    return timeout_us >= 0 && timeout_us < INT64_MAX - now ? now + timeout_us : INT64_MAX;
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

int64_t clock_next(struct clock *clock)
{
    int64_t now = clock_wall_us();
    int64_t last = atomic_load_explicit(&clock->last_us, memory_order_relaxed);
    int64_t next;
    do
        next = now > last ? now : last + 1;
    while (!atomic_compare_exchange_weak(&clock->last_us, &last, next));
    return next;
}

void clock_calibrate(struct clock *clock, int64_t server_us)
{
    atomic_store_explicit(&clock->offset_us, server_us - clock_monotonic_us(), memory_order_relaxed);
}

int64_t clock_server_us(const struct clock *clock)
{
    return clock_monotonic_us() + atomic_load_explicit(&clock->offset_us, memory_order_relaxed);
}

void clock_observe(struct clock *clock, int64_t seen_us)
{
    int64_t newest = atomic_load_explicit(&clock->newest_us, memory_order_relaxed);
    if (seen_us <= newest || seen_us > clock_server_us(clock) + BELIEVABLE_US)
        return;
    while (seen_us > newest && !atomic_compare_exchange_weak(&clock->newest_us, &newest, seen_us))
        ;
}

int64_t clock_floor(struct clock *clock)
{
    int64_t newest = atomic_load_explicit(&clock->newest_us, memory_order_relaxed);
    int64_t last = atomic_load_explicit(&clock->floor_us, memory_order_relaxed);
    int64_t floor;
    do
        floor = (newest > last ? newest : last) + 1;
    while (!atomic_compare_exchange_weak(&clock->floor_us, &last, floor));
    return floor;
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
