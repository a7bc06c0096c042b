/* steps.h - what a lane has sent and has no answer yet, in order. */
#ifndef DIALOGS_STEPS_H
#define DIALOGS_STEPS_H

#include "pg/prepared.h"

struct query;
struct segment;

enum step_kind {
    STEP_START,
    STEP_PREPARE,
    STEP_BEGIN,
    STEP_QUERY,
    STEP_ROWS,
    STEP_PLACED,
    STEP_COMMIT,
    STEP_ROLLBACK,
    STEP_SYNC
};

struct step {
    enum step_kind kind;
    union {
        struct preparation preparation;
        struct query *query;
        struct segment *segment;
    };
};

/* A ring that grows; all zero it is empty. */
struct steps {
    struct step *ring;
    size_t head, count, size;
};

/* False when out of memory. */
bool steps_push(struct steps *steps, struct step step);

/* The first; there has to be one. */
const struct step *steps_first(const struct steps *steps);
struct step steps_pop(struct steps *steps);

/* Forgets them; keeps the memory. */
void steps_clear(struct steps *steps);
void steps_free(struct steps *steps);

#endif
