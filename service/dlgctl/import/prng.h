/* prng.h - random numbers that are the same for the same seed: a ChaCha20 stream. */
#ifndef DLGCTL_PRNG_H
#define DLGCTL_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct prng {
    unsigned char key[32];
    uint64_t block; /* of the stream */
    size_t used;    /* of `numbers` */
    uint64_t numbers[64];
};

/* Streams of one seed differ by `purpose`. */
void prng_init(struct prng *prng, uint64_t seed, const char *purpose);

uint64_t prng_next(struct prng *prng);

/* From 0 to count - 1, each as likely as the other; count is not 0. */
uint64_t prng_below(struct prng *prng, uint64_t count);

/* From 0 to less than 1. */
double prng_fraction(struct prng *prng);

#endif
