/* dice.h - random numbers that are the same for the same seed: a ChaCha20 stream. */
#ifndef SERVICE_DICE_H
#define SERVICE_DICE_H

#include <stddef.h>
#include <stdint.h>

struct dice {
    unsigned char key[32];
    uint64_t block; /* of the stream */
    size_t used;    /* of `numbers` */
    uint64_t numbers[64];
};

/* Streams of one seed differ by `purpose`. */
void dice_init(struct dice *dice, uint64_t seed, const char *purpose);

uint64_t dice_next(struct dice *dice);

/* From 0 to count - 1, each as likely as the other; count is not 0. */
uint64_t dice_below(struct dice *dice, uint64_t count);

/* From 0 to less than 1. */
double dice_fraction(struct dice *dice);

#endif
