/*
 * row_stream.h - statements with many rows, in either direction, on a connection of one's own. Nothing of it waits
 * longer than its patience, also not for a server that takes no bytes.
 */
#ifndef DIALOGS_ROW_STREAM_H
#define DIALOGS_ROW_STREAM_H

#include "pg/patience.h"

#include <libpq-fe.h>
#include <stddef.h>

struct row_stream {
    PGconn *conn; /* NULL: there is none */
    struct patience patience;
    dlg_error *error; /* the waiting ended early: why. The connection is of no use then, and no answer comes. */
};

/* Parameters of a statement, in binary; so is its answer. */
struct row_stream_values {
    int count;
    const Oid *types;
    const char *const *bytes;
    const int *lengths;
};

/* Takes a connection over. */
void row_stream_open(struct row_stream *stream, PGconn *conn);
void row_stream_close(struct row_stream *stream);  /* for another row_stream_open() too; `error` stays */
void row_stream_forget(struct row_stream *stream); /* instead, in a forked child: the parent's session goes on */

/*
 * Runs SQL, several statements too, or one statement with values. Of several answers it is the one that tells most: the
 * first that failed, else the first. NULL: the connection is lost, or `error` is set. To be cleared.
 */
PGresult *row_stream_run(struct row_stream *stream, const char *sql);
PGresult *row_stream_query(struct row_stream *stream, const char *sql, const struct row_stream_values *values);

/* Begins a statement, whose rows come one by one with row_stream_next(); NULL after the last one. */
bool row_stream_begin(struct row_stream *stream, const char *sql);
PGresult *row_stream_next(struct row_stream *stream);

/* After COPY ... FROM STDIN: bytes, and the end, with its answer. False or NULL: as above. */
bool row_stream_put(struct row_stream *stream, const char *bytes, size_t size);
PGresult *row_stream_put_end(struct row_stream *stream);

#endif
