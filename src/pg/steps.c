#include "pg/steps.h"

#include <stdlib.h>

static bool grow(struct steps *steps)
{
    size_t size = steps->size ? steps->size * 2 : 64;
    struct step *ring = malloc(size * sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < steps->count; i++)
        ring[i] = steps->ring[(steps->head + i) % steps->size];
    free(steps->ring);
    *steps = (struct steps){.ring = ring, .count = steps->count, .size = size};
    return true;
}

bool steps_push(struct steps *steps, struct step step)
{
    if (steps->count == steps->size && !grow(steps))
        return false;
    steps->ring[(steps->head + steps->count++) % steps->size] = step;
    return true;
}

const struct step *steps_first(const struct steps *steps)
{
    return &steps->ring[steps->head];
}

struct step steps_pop(struct steps *steps)
{
    struct step step = steps->ring[steps->head];
    steps->head = (steps->head + 1) % steps->size;
    steps->count--;
    return step;
}

void steps_clear(struct steps *steps)
{
    steps->head = steps->count = 0;
}

void steps_free(struct steps *steps)
{
    free(steps->ring);
}
