/*
 * crypto_counter.h - what the program under test had libsodium do, counted: time would also tell what else the machine
 * does.
 *
 *   crypto_counter_take();
 *   ... what is measured ...
 *   struct crypto_count count = crypto_counter_take();
 *
 * For tests that link test_crypto_counter, which puts itself before the functions by the linker's --wrap.
 */
#ifndef TEST_CRYPTO_COUNTER_H
#define TEST_CRYPTO_COUNTER_H

#include <stddef.h>

struct crypto_count {
    int hashes;                /* of passwords */
    unsigned long long passes; /* of all of them */
    size_t memory;             /* bytes, of all of them */
    int signatures;            /* that were checked */
};

/* Since the last call, by all threads. */
struct crypto_count crypto_counter_take(void);

#endif
