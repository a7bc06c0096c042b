/*
 * fuzz.h - what a fuzz target offers. libFuzzer calls LLVMFuzzerTestOneInput(); replay.c calls it
 * with the contents of files, and writes the seeds.
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* 0. Ends the program when the input shows a fault. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes seed `index` into `seed`, up to FUZZ_SEED_LIMIT bytes, and returns its length; 0 past the last. */
enum { FUZZ_SEED_LIMIT = 16384 };
size_t fuzz_seed(size_t index, uint8_t *seed);

/* As assert(), in every kind of build. */
#define FUZZ_CHECK(condition)                                                       \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

#endif
