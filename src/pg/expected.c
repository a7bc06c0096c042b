#include "pg/expected.h"

#include <stdlib.h>

static bool grow(struct expected_queue *queue)
{
    size_t size = queue->size ? queue->size * 2 : 64;
    struct expected *ring = malloc(size * sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->head + i) % queue->size];
    free(queue->ring);
    *queue = (struct expected_queue){.ring = ring, .count = queue->count, .size = size};
    return true;
}

bool expected_push(struct expected_queue *queue, struct expected expected)
{
    if (queue->count == queue->size && !grow(queue))
        return false;
    queue->ring[(queue->head + queue->count++) % queue->size] = expected;
    return true;
}

const struct expected *expected_first(const struct expected_queue *queue)
{
    return &queue->ring[queue->head];
}

struct expected expected_pop(struct expected_queue *queue)
{
    struct expected expected = queue->ring[queue->head];
    queue->head = (queue->head + 1) % queue->size;
    queue->count--;
    return expected;
}

void expected_clear(struct expected_queue *queue)
{
    queue->head = queue->count = 0;
}

void expected_free(struct expected_queue *queue)
{
    free(queue->ring);
}
