/*
 * rows.h - rows on their way into one table, in memory, in the binary form of COPY. The same bytes
 * serve INSERT, where rows may be there already: a column becomes an array parameter.
 */
#ifndef DIALOGS_ROWS_H
#define DIALOGS_ROWS_H

#include <dialogs.h>
#include <libpq-fe.h>

enum { ROWS_COLUMNS = 8 };

struct rows_table {
    const char *copy;   /* COPY ... FROM STDIN (FORMAT binary) */
    const char *insert; /* INSERT ... SELECT FROM unnest($1, ...) ON CONFLICT DO NOTHING RETURNING 1 */
    int columns;
    Oid types[ROWS_COLUMNS]; /* of the columns */
    Oid array_types[ROWS_COLUMNS];
};

struct rows {
    const struct rows_table *table;
    char *bytes;
    size_t size; /* of what is in `bytes` */
    size_t room;
    size_t count;
    size_t column_sizes[ROWS_COLUMNS];
};

/* One value in the binary form of its type; `bytes` NULL is SQL NULL. */
struct rows_value {
    const void *bytes;
    size_t size;
};

/* Adds a row of the table's number of values. DLG_E_MEMORY. */
int rows_add(struct rows *rows, const struct rows_value *values, dlg_error **error);

/* Forgets the rows and keeps the memory. */
void rows_clear(struct rows *rows);
void rows_free(struct rows *rows);

/*
 * Each runs one statement on a connection in a transaction and returns its result, to be cleared:
 * PGRES_COMMAND_OK, or PGRES_TUPLES_OK with a row for each that was new. NULL: no connection, or no memory.
 */
PGresult *rows_copy(const struct rows *rows, PGconn *connection);
PGresult *rows_insert(const struct rows *rows, PGconn *connection);

#endif
