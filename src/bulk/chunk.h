/* chunk.h - rows that are loaded together, in one transaction on a connection of the caller's own. */
#ifndef DIALOGS_CHUNK_H
#define DIALOGS_CHUNK_H

#include "bulk/rows.h"

#include <stdbool.h>

/* Ids below it are of the column's own sequence; the library's are above. */
#define CHUNK_SEQUENCE_END (INT64_C(1) << 48)

struct chunk {
    struct rows users;
    struct rows messages;
    int64_t sequence_id; /* the highest id of the column's own sequence; 0: none */
};

enum chunk_outcome {
    CHUNK_DONE,
    CHUNK_AGAIN,  /* may go well another time, on a new connection */
    CHUNK_REFUSED /* the database will not have it: nothing is written */
};

void chunk_init(struct chunk *chunk);
void chunk_clear(struct chunk *chunk);
void chunk_free(struct chunk *chunk);

/*
 * Writes the chunk: by COPY, which stops at a row that is there already, or with `insert` by INSERT,
 * which skips it. `written` receives how many rows were new; `error`, not NULL, says why it was not DONE.
 */
enum chunk_outcome chunk_write(const struct chunk *chunk, PGconn *connection, bool insert, size_t *written,
                               dlg_error **error);

#endif
