/*
 * clock.h - monotonic time for deadlines, and what a client knows of the database's time.
 *
 * The server stamps messages. No clock of this machine takes part in their order, except in ids, where two messages
 * have the same stamp.
 */
#ifndef DIALOGS_CLOCK_H
#define DIALOGS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic microseconds, for timers. */
int64_t clock_monotonic_us(void);

/* The same, up to a few milliseconds late, for a fifth of the price. */
int64_t clock_coarse_us(void);

/* The monotonic moment that far from now; INT64_MAX, never, when the timeout is negative or too far. */
int64_t clock_deadline(int64_t timeout_us);

/* The same moment for pthread_cond_timedwait() on CLOCK_MONOTONIC. */
void clock_timespec(int64_t monotonic_us, struct timespec *at);

/* This machine's idea of UTC, microseconds since 1970. */
int64_t clock_wall_us(void);

/* Any thread. Zeroed memory is a clock that knows nothing yet. */
struct clock {
    _Atomic int64_t last_us;   /* of this machine's moments, the last that was handed out */
    _Atomic int64_t newest_us; /* of the database's times, the newest that was seen */
    _Atomic int64_t offset_us; /* the server's clock minus this machine's monotonic one */
    _Atomic int64_t floor_us;  /* the last that was handed out */
};

/* A moment by this machine's clock, never handed out before. For ids. */
int64_t clock_next(struct clock *clock);

/* Takes note of the server's clock. */
void clock_calibrate(struct clock *clock, int64_t server_us);

/* What the server's clock says now, as far as we know: never exact, and no matter of order. */
int64_t clock_server_us(const struct clock *clock);

/* Takes note of a message's time, read from the database or heard of; one far ahead of the server's is not believed. */
void clock_observe(struct clock *clock, int64_t seen_us);

/*
 * The least stamp for what is stored now, so that it sorts after everything that was seen. Each is later than the one
 * before: where the clock of the node is behind, floors are the stamps of a batch, and keep its order.
 */
int64_t clock_floor(struct clock *clock);

/* A message's id for its moment: time-ordered, positive, with 12 random bits. */
int64_t clock_id(int64_t moment_us);

#endif
