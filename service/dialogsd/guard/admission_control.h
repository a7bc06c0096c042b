/*
 * admission_control.h - how many requests may wait for the database at a time, so that those that wait are answered in
 * time.
 *
 * Waiting is measured. While it takes longer than it should, no more may wait than are answered in the time that it
 * should take; further ones are refused at once. When it is short again the limit grows back.
 */
#ifndef DIALOGSD_ADMISSION_CONTROL_H
#define DIALOGSD_ADMISSION_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct admission_control {
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
void admission_open(struct admission_control *admission, unsigned most, int64_t target_us);

/* Whether another may wait. */
bool admission_allows(struct admission_control *admission);

/* One waits; it was answered, so long after that; it is over without an answer. */
void admission_begin(struct admission_control *admission);
void admission_end(struct admission_control *admission, int64_t waited_us);
void admission_abandon(struct admission_control *admission);

#endif
