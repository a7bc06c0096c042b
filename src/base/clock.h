/*
 * clock.h - monotonic time for deadlines, and the hybrid logical clock that makes `id` and
 * `create_date` (Kulkarni et al., "Logical Physical Clocks", 2014).
 */
#ifndef DIALOGS_CLOCK_H
#define DIALOGS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic microseconds, for timers. */
int64_t clock_monotonic_us(void);

/* The monotonic moment that far from now; INT64_MAX when there is none. */
int64_t clock_deadline(int64_t timeout_us);

/* The same moment for pthread_cond_timedwait() on CLOCK_MONOTONIC. */
void clock_timespec(int64_t monotonic_us, struct timespec *at);

/* This machine's idea of UTC, microseconds since 1970. */
int64_t clock_wall_us(void);

/*
 * The hybrid clock: at least the server's time as far as we know it, later than everything this
 * client has read or sent, each reading unique. Any thread.
 */
struct clock {
    _Atomic int64_t last_us;
    _Atomic int64_t offset_us; /* server minus this machine */
};

/* The next moment, never handed out before. */
int64_t clock_next(struct clock *clock);

/* What the clock would say now, without using up a moment. */
int64_t clock_now(struct clock *clock);

/* Takes note of a time read from the database; one too far ahead of the clock is not believed. */
void clock_observe(struct clock *clock, int64_t seen_us);

/* `server_us` was the server's time between two monotonic readings around the question. */
void clock_calibrate(struct clock *clock, int64_t server_us, int64_t asked_wall_us, int64_t answered_wall_us);

/* A message's id for its moment: time-ordered, positive, with 12 random bits. */
int64_t clock_id(int64_t moment_us);

#endif
