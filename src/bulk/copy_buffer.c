#include "bulk/copy_buffer.h"

#include "base/error.h"
#include "pg/statement.h"

#include <stdlib.h>
#include <string.h>

/* PostgreSQL documentation, COPY, "Binary Format": signature, flags, length of an extension. */
static const char copy_header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
enum { COPY_HEADER_SIZE = 19, ROW_HEAD_SIZE = 2, VALUE_HEAD_SIZE = 4, ARRAY_HEAD_SIZE = 20, FIRST_ROOM = 64 * 1024 };

static void put_int16(char *to, int value)
{
    to[0] = (char)(value >> 8);
    to[1] = (char)value;
}

static size_t value_size(const struct copy_buffer_value *value)
{
    return VALUE_HEAD_SIZE + (value->bytes ? value->size : 0);
}

static int copy_buffer_reserve(struct copy_buffer *rows, size_t more, dlg_error **error)
{
    if (rows->room - rows->size >= more)
        return DLG_OK;
    size_t room = rows->room ? rows->room : FIRST_ROOM;
    while (room - rows->size < more)
        room *= 2;
    char *bytes = realloc(rows->bytes, room);
    if (!bytes)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    rows->bytes = bytes;
    rows->room = room;
    return DLG_OK;
}

int copy_buffer_add(struct copy_buffer *rows, const struct copy_buffer_value *values, dlg_error **error)
{
    size_t size = ROW_HEAD_SIZE;
    for (int i = 0; i < rows->table->columns; i++)
        size += value_size(&values[i]);
    int code = copy_buffer_reserve(rows, size, error);
    if (code != DLG_OK)
        return code;
    char *to = rows->bytes + rows->size;
    put_int16(to, rows->table->columns);
    to += ROW_HEAD_SIZE;
    for (int i = 0; i < rows->table->columns; i++) {
        put_int32(to, values[i].bytes ? (int32_t)values[i].size : -1);
        if (values[i].bytes)
            memcpy(to + VALUE_HEAD_SIZE, values[i].bytes, values[i].size);
        to += value_size(&values[i]);
        rows->column_sizes[i] += value_size(&values[i]);
    }
    rows->size += size;
    rows->count++;
    return DLG_OK;
}

void copy_buffer_clear(struct copy_buffer *rows)
{
    rows->size = 0;
    rows->count = 0;
    memset(rows->column_sizes, 0, sizeof rows->column_sizes);
}

void copy_buffer_free(struct copy_buffer *rows)
{
    free(rows->bytes);
    rows->bytes = NULL;
    rows->room = 0;
    copy_buffer_clear(rows);
}

static bool copy_feed(PGconn *connection, const char *bytes, size_t size)
{
    enum { PIECE = 256 * 1024 };
    for (size_t sent = 0; sent < size;) {
        size_t piece = size - sent < PIECE ? size - sent : PIECE;
        if (PQputCopyData(connection, bytes + sent, (int)piece) != 1)
            return false;
        sent += piece;
    }
    return true;
}

/* Of the results of a statement the one that tells most: the first that failed, else the first. */
static PGresult *copy_finish(PGconn *connection)
{
    PGresult *kept = NULL;
    PGresult *result;
    while ((result = PQgetResult(connection)) != NULL) {
        if (kept && (PQresultStatus(kept) != PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_COMMAND_OK)) {
            PQclear(result);
            continue;
        }
        PQclear(kept);
        kept = result;
    }
    return kept;
}

PGresult *copy_buffer_copy(const struct copy_buffer *rows, PGconn *connection)
{
    PGresult *started = PQexec(connection, rows->table->copy);
    if (PQresultStatus(started) != PGRES_COPY_IN)
        return started;
    PQclear(started);
    char end[ROW_HEAD_SIZE];
    put_int16(end, -1);
    bool fed = copy_feed(connection, copy_header, COPY_HEADER_SIZE) && copy_feed(connection, rows->bytes, rows->size) &&
               copy_feed(connection, end, sizeof end);
    return PQputCopyEnd(connection, fed ? NULL : "the rows could not be sent") == 1 ? copy_finish(connection) : NULL;
}

/* A column as an array in its binary form: dimensions, NULLs, type, length, lower bound, values. */
static char *column_array(const struct copy_buffer *rows, int column, size_t *size)
{
    *size = ARRAY_HEAD_SIZE + rows->column_sizes[column];
    char *array = malloc(*size);
    if (!array)
        return NULL;
    put_int32(array, 1);
    put_int32(array + 4, 1);
    put_int32(array + 8, (int32_t)rows->table->types[column]);
    put_int32(array + 12, (int32_t)rows->count);
    put_int32(array + 16, 1);
    char *to = array + ARRAY_HEAD_SIZE;
    const char *from = rows->bytes;
    for (size_t row = 0; row < rows->count; row++) {
        from += ROW_HEAD_SIZE;
        for (int i = 0; i < rows->table->columns; i++) {
            int32_t length = get_int32(from);
            size_t whole = VALUE_HEAD_SIZE + (length < 0 ? 0 : (size_t)length);
            if (i == column) {
                memcpy(to, from, whole);
                to += whole;
            }
            from += whole;
        }
    }
    return array;
}

PGresult *copy_buffer_insert(const struct copy_buffer *rows, PGconn *connection)
{
    char *arrays[COPY_BUFFER_COLUMNS] = {NULL};
    int lengths[COPY_BUFFER_COLUMNS];
    int formats[COPY_BUFFER_COLUMNS];
    int columns = rows->table->columns;
    bool made = true;
    for (int i = 0; i < columns && made; i++) {
        size_t size = 0;
        arrays[i] = column_array(rows, i, &size);
        lengths[i] = (int)size;
        formats[i] = 1;
        made = arrays[i] != NULL;
    }
    PGresult *result = NULL;
    if (made)
        result = PQexecParams(connection, rows->table->insert, columns, rows->table->array_types,
                              (const char *const *)arrays, lengths, formats, 1);
    for (int i = 0; i < columns; i++)
        free(arrays[i]);
    return result;
}
