/*
 * cost.h - what the program under test had libsodium do, counted: time would also tell what else the machine does.
 *
 *   cost_take();
 *   ... what is measured ...
 *   struct cost cost = cost_take();
 *
 * For tests that link test_cost, which puts itself before the functions by the linker's --wrap.
 */
#ifndef TEST_COST_H
#define TEST_COST_H

#include <stddef.h>

struct cost {
    int hashes;                /* of passwords */
    unsigned long long passes; /* of all of them */
    size_t memory;             /* bytes, of all of them */
    int signatures;            /* that were checked */
};

/* Since the last call, by all threads. */
struct cost cost_take(void);

#endif
