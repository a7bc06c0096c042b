#include "bulk/copy_buffer.h"

#include "base/error.h"
#include "pg/statement.h"

#include <sodium.h>
#include <stdbool.h>
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

static bool copy_feed(struct row_stream *stream, const char *bytes, size_t size)
{
    enum { PIECE = 256 * 1024 };
    for (size_t sent = 0; sent < size;) {
        size_t piece = size - sent < PIECE ? size - sent : PIECE;
        if (!row_stream_put(stream, bytes + sent, piece))
            return false;
        sent += piece;
    }
    return true;
}

PGresult *copy_buffer_copy(const struct copy_buffer *rows, struct row_stream *stream)
{
    PGresult *started = row_stream_run(stream, rows->table->copy);
    if (PQresultStatus(started) != PGRES_COPY_IN)
        return started;
    PQclear(started);
    char end[ROW_HEAD_SIZE];
    put_int16(end, -1);
    bool fed = copy_feed(stream, copy_header, COPY_HEADER_SIZE) && copy_feed(stream, rows->bytes, rows->size) &&
               copy_feed(stream, end, sizeof end);
    return fed ? row_stream_put_end(stream) : NULL;
}

/* ---- Rows and columns ---- */

const char *copy_buffer_first(const struct copy_buffer *rows)
{
    return rows->bytes;
}

static const char *value_after(const char *value)
{
    int32_t length = get_int32(value);
    return value + VALUE_HEAD_SIZE + (length < 0 ? 0 : length);
}

const char *copy_buffer_next(const struct copy_buffer *rows, const char *row)
{
    row += ROW_HEAD_SIZE;
    for (int i = 0; i < rows->table->columns; i++)
        row = value_after(row);
    return row;
}

static const char *column_at(const char *row, int column)
{
    row += ROW_HEAD_SIZE;
    while (column-- > 0)
        row = value_after(row);
    return row;
}

struct copy_buffer_value copy_buffer_column(const char *row, int column)
{
    const char *value = column_at(row, column);
    int32_t length = get_int32(value);
    return length < 0 ? (struct copy_buffer_value){NULL, 0}
                      : (struct copy_buffer_value){value + VALUE_HEAD_SIZE, (size_t)length};
}

/* An array in its binary form: dimensions, NULLs, type, length, lower bound; the values follow. */
static char *array_new(size_t size, Oid type, size_t count)
{
    char *array = malloc(ARRAY_HEAD_SIZE + size);
    if (!array)
        return NULL;
    put_int32(array, 1);
    put_int32(array + 4, 1);
    put_int32(array + 8, (int32_t)type);
    put_int32(array + 12, (int32_t)count);
    put_int32(array + 16, 1);
    return array;
}

static char *column_array(const struct copy_buffer *rows, int column, size_t *size)
{
    *size = ARRAY_HEAD_SIZE + rows->column_sizes[column];
    char *array = array_new(rows->column_sizes[column], rows->table->types[column], rows->count);
    if (!array)
        return NULL;
    char *to = array + ARRAY_HEAD_SIZE;
    const char *row = copy_buffer_first(rows);
    for (size_t i = 0; i < rows->count; i++, row = copy_buffer_next(rows, row)) {
        const char *value = column_at(row, column);
        size_t whole = (size_t)(value_after(value) - value);
        memcpy(to, value, whole);
        to += whole;
    }
    return array;
}

/* The SHA-256 of each text: on a cluster every shard gets all of what is compared. */
static char *digest_array(const struct copy_buffer *rows, int column, size_t *size)
{
    enum { VALUE_SIZE = VALUE_HEAD_SIZE + crypto_hash_sha256_BYTES };
    *size = ARRAY_HEAD_SIZE + rows->count * VALUE_SIZE;
    char *array = array_new(rows->count * VALUE_SIZE, OID_BYTEA, rows->count);
    if (!array)
        return NULL;
    char *to = array + ARRAY_HEAD_SIZE;
    const char *row = copy_buffer_first(rows);
    for (size_t i = 0; i < rows->count; i++, row = copy_buffer_next(rows, row), to += VALUE_SIZE) {
        struct copy_buffer_value text = copy_buffer_column(row, column);
        put_int32(to, crypto_hash_sha256_BYTES);
        crypto_hash_sha256((uint8_t *)to + VALUE_HEAD_SIZE, text.bytes, text.size);
    }
    return array;
}

/* ---- Statements with arrays ---- */

struct arrays {
    char *bytes[COPY_BUFFER_COLUMNS];
    int lengths[COPY_BUFFER_COLUMNS];
    Oid types[COPY_BUFFER_COLUMNS];
    int count;
    bool complete;
};

/* Takes an array over; NULL: out of memory. */
static void arrays_add(struct arrays *arrays, char *array, size_t size, Oid type)
{
    arrays->bytes[arrays->count] = array;
    arrays->lengths[arrays->count] = (int)size;
    arrays->types[arrays->count++] = type;
    arrays->complete = arrays->complete && array;
}

static void arrays_add_column(struct arrays *arrays, const struct copy_buffer *rows, int column)
{
    size_t size = 0;
    char *array = column_array(rows, column, &size);
    arrays_add(arrays, array, size, rows->table->array_types[column]);
}

static PGresult *arrays_run(struct arrays *arrays, const char *sql, struct row_stream *stream)
{
    const struct row_stream_values values = {.count = arrays->count,
                                             .types = arrays->types,
                                             .bytes = (const char *const *)arrays->bytes,
                                             .lengths = arrays->lengths};
    PGresult *result = arrays->complete ? row_stream_query(stream, sql, &values) : NULL;
    for (int i = 0; i < arrays->count; i++)
        free(arrays->bytes[i]);
    return result;
}

PGresult *copy_buffer_insert(const struct copy_buffer *rows, struct row_stream *stream)
{
    struct arrays arrays = {.complete = true};
    for (int i = 0; i < rows->table->columns; i++)
        arrays_add_column(&arrays, rows, i);
    return arrays_run(&arrays, rows->table->insert, stream);
}

/* Of messages the id, the author, the recipient, and the digest of the text. */
PGresult *copy_buffer_compare(const struct copy_buffer *rows, struct row_stream *stream)
{
    enum { TEXT = 3 };
    struct arrays arrays = {.complete = true};
    for (int i = 0; i < TEXT; i++)
        arrays_add_column(&arrays, rows, i);
    size_t size = 0;
    char *digests = digest_array(rows, TEXT, &size);
    arrays_add(&arrays, digests, size, OID_BYTEA_ARRAY);
    return arrays_run(&arrays, rows->table->compare, stream);
}
