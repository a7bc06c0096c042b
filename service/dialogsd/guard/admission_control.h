/*
 * overload.h - how many requests may wait for the database at a time, so that those that wait are answered in time.
 *
 * Waiting is measured. While it takes longer than it should, no more may wait than are answered in the time that it
 * should take; further ones are refused at once. When it is short again the limit grows back.
 */
#ifndef DIALOGSD_OVERLOAD_H
#define DIALOGSD_OVERLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct overload {
    int64_t target_us; /* how long requests may wait, on average; 0: however long */
    unsigned most;
    atomic_uint limit;
    atomic_uint waiting;
    /* What is measured now: from one answer on, which does not count itself. */
    atomic_int_fast64_t began_us; /* monotonic; 0: the next answer begins it */
    atomic_int_fast64_t answered;
    atomic_int_fast64_t waited_us; /* all of those together */
};

/* Never more than `most` at a time. */
void overload_open(struct overload *overload, unsigned most, int64_t target_us);

/* Whether another may wait. */
bool overload_admits(struct overload *overload);

/* One waits; it was answered, so long after that; it is over without an answer. */
void overload_begin(struct overload *overload);
void overload_end(struct overload *overload, int64_t waited_us);
void overload_abandon(struct overload *overload);

#endif
