/* queue.h - what a connection has sent and has no answer yet, in order. */
#ifndef DIALOGS_EXPECTED_H
#define DIALOGS_EXPECTED_H

#include "pg/prepared.h"

struct query;
struct batch;

enum expected_kind {
    EXPECT_START,
    EXPECT_PROBE,
    EXPECT_SETTINGS,
    EXPECT_PREPARE,
    EXPECT_BEGIN,
    EXPECT_QUERY,
    EXPECT_ROWS,
    EXPECT_PLACEMENT,
    EXPECT_COMMIT,
    EXPECT_ROLLBACK,
    EXPECT_SYNC
};

struct expected {
    enum expected_kind kind;
    union {
        struct preparation preparation;
        struct query *query;
        struct batch *batch;
    };
};

/* A ring that grows; all zero it is empty. */
struct expected_queue {
    struct expected *ring;
    size_t head, count, size;
};

/* False when out of memory. */
bool expected_push(struct expected_queue *queue, struct expected expected);

/* The first; there has to be one. */
const struct expected *expected_first(const struct expected_queue *queue);
struct expected expected_pop(struct expected_queue *queue);

/* Forgets them; keeps the memory. */
void expected_clear(struct expected_queue *queue);
void expected_free(struct expected_queue *queue);

#endif
