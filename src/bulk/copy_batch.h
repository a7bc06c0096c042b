/* copy_batch.h - rows that are loaded together, in one transaction on a stream of the caller's own. */
#ifndef DIALOGS_COPY_BATCH_H
#define DIALOGS_COPY_BATCH_H

#include "bulk/copy_buffer.h"
#include "bulk/copy_conflicts.h"

#include <stdbool.h>

/* Ids below it are of the column's own sequence; the library's are above. */
#define COPY_BATCH_SEQUENCE_END (INT64_C(1) << 48)

struct copy_batch {
    struct copy_buffer users;
    struct copy_buffer messages;
    int64_t sequence_id; /* the highest id of the column's own sequence; 0: none */
};

enum copy_batch_outcome {
    COPY_BATCH_DONE,
    COPY_BATCH_AGAIN,   /* may go well another time, on a new connection */
    COPY_BATCH_REFUSED, /* the database will not have it: nothing is written */
    COPY_BATCH_STOPPED  /* the waiting ended */
};

/* What became of the rows of a batch. */
struct copy_batch_result {
    size_t written;                  /* rows that are new */
    struct copy_conflicts conflicts; /* messages that are not there as they were given */
    bool committing;                 /* unless it is DONE: it may be written nevertheless */
};

void copy_batch_init(struct copy_batch *batch);
void copy_batch_clear(struct copy_batch *batch);
void copy_batch_free(struct copy_batch *batch);

/*
 * Writes the batch: by COPY, which stops at a row that is there already, or with `insert` by INSERT,
 * which skips it. `error`, not NULL, says why it was not DONE.
 */
enum copy_batch_outcome copy_batch_write(const struct copy_batch *batch, struct row_stream *stream, bool insert,
                                         struct copy_batch_result *result, dlg_error **error);

#endif
