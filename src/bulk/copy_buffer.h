/*
 * copy_buffer.h - rows on their way into one table, in memory, in the binary form of COPY. The same bytes
 * serve INSERT, where rows may be there already: a column becomes an array parameter.
 */
#ifndef DIALOGS_COPY_BUFFER_H
#define DIALOGS_COPY_BUFFER_H

#include "pg/row_stream.h"

enum { COPY_BUFFER_COLUMNS = 8 };

struct copy_buffer_table {
    const char *copy;   /* COPY ... FROM STDIN (FORMAT binary) */
    const char *insert; /* INSERT ... SELECT FROM unnest($1, ...) ON CONFLICT DO NOTHING RETURNING 1 */
    /* Of messages: the ordinals of those that are there as they were given; arrays of four columns, see copy_buffer.c.
     */
    const char *compare;
    int columns;
    Oid types[COPY_BUFFER_COLUMNS]; /* of the columns */
    Oid array_types[COPY_BUFFER_COLUMNS];
};

struct copy_buffer {
    const struct copy_buffer_table *table;
    char *bytes;
    size_t size; /* of what is in `bytes` */
    size_t room;
    size_t count;
    size_t column_sizes[COPY_BUFFER_COLUMNS];
};

/* One value in the binary form of its type; `bytes` NULL is SQL NULL. */
struct copy_buffer_value {
    const void *bytes;
    size_t size;
};

/* Adds a row of the table's number of values. DLG_E_MEMORY. */
int copy_buffer_add(struct copy_buffer *rows, const struct copy_buffer_value *values, dlg_error **error);

/* Forgets the rows and keeps the memory. */
void copy_buffer_clear(struct copy_buffer *rows);
void copy_buffer_free(struct copy_buffer *rows);

/* Where a row begins, or the one after it; the value of a column in the row that begins there. */
const char *copy_buffer_first(const struct copy_buffer *rows);
const char *copy_buffer_next(const struct copy_buffer *rows, const char *row);
struct copy_buffer_value copy_buffer_column(const char *row, int column);

/*
 * Each runs one statement on a stream in a transaction and returns its result, to be cleared:
 * PGRES_COMMAND_OK, or PGRES_TUPLES_OK with a row for each that was new, or for each that is there as given. NULL: no
 * connection, no memory, or the stream's error.
 */
PGresult *copy_buffer_copy(const struct copy_buffer *rows, struct row_stream *stream);
PGresult *copy_buffer_insert(const struct copy_buffer *rows, struct row_stream *stream);
PGresult *copy_buffer_compare(const struct copy_buffer *rows, struct row_stream *stream);

#endif
