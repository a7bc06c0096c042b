#include "pg/batch.h"

#include <stdlib.h>
#include <string.h>

struct batch *batch_new(enum batch_form form)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->form = form;
    TAILQ_INIT(&batch->queries);
    return batch;
}

void batch_free(struct batch *batch)
{
    if (batch)
        dlg_error_free(batch->error);
    free(batch);
}

void batch_add(struct batch *batch, struct query *query)
{
    TAILQ_INSERT_TAIL(&batch->queries, query, link);
    query->batch = batch;
    batch->count++;
    batch->placements += query->placement != 0;
}

void batch_remove(struct batch *batch, struct query *query)
{
    TAILQ_REMOVE(&batch->queries, query, link);
    query->batch = NULL;
    batch->count--;
    batch->placements -= query->placement != 0;
}

/* dimensions, flags, element type, length, lower bound */
enum { ARRAY_HEADER = 5 * sizeof(int32_t) };

static size_t array_size(const struct batch *batch, int position)
{
    size_t size = ARRAY_HEADER;
    const struct query *query;
    TAILQ_FOREACH (query, &batch->queries, link)
        size += sizeof(int32_t) + (query->values[position] ? (size_t)query->lengths[position] : 0);
    return size;
}

static char *array_header(char *to, Oid type, size_t count)
{
    put_int32(to, 1);
    put_int32(to + 4, 0);
    put_int32(to + 8, (int32_t)type);
    put_int32(to + 12, (int32_t)count);
    put_int32(to + 16, 1);
    return to + ARRAY_HEADER;
}

static char *array_encode(char *to, const struct batch *batch, const struct statement *statement, int position)
{
    to = array_header(to, statement->types[position], batch->count);
    const struct query *query;
    TAILQ_FOREACH (query, &batch->queries, link) {
        int length = query->lengths[position];
        put_int32(to, length);
        to += sizeof(int32_t);
        memcpy(to, query->values[position], (size_t)length);
        to += length;
    }
    return to;
}

static bool buffer_reserve(struct rows_buffer *buffer, size_t size)
{
    if (size <= buffer->size)
        return true;
    char *bytes = realloc(buffer->bytes, size);
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->size = size;
    return true;
}

bool rows_encode(struct rows_buffer *buffer, const struct batch *batch)
{
    const struct statement *statement = TAILQ_FIRST(&batch->queries)->statement;
    size_t size = 0;
    for (int i = 0; i < statement->count; i++)
        size += array_size(batch, i);
    if (!buffer_reserve(buffer, size))
        return false;
    char *at = buffer->bytes;
    for (int i = 0; i < statement->count; i++) {
        char *end = array_encode(at, batch, statement, i);
        buffer->values[i] = at;
        buffer->lengths[i] = (int)(end - at);
        at = end;
    }
    return true;
}

bool placements_encode(struct rows_buffer *buffer, const struct batch *batch)
{
    enum { ELEMENT = sizeof(int32_t) + sizeof(int64_t) };
    if (!buffer_reserve(buffer, ARRAY_HEADER + batch->placements * ELEMENT))
        return false;
    char *at = array_header(buffer->bytes, OID_INT8, batch->placements);
    const struct query *query;
    TAILQ_FOREACH (query, &batch->queries, link) {
        if (!query->placement)
            continue;
        put_int32(at, sizeof(int64_t));
        put_int64(at + sizeof(int32_t), query->placement);
        at += ELEMENT;
    }
    buffer->values[0] = buffer->bytes;
    buffer->lengths[0] = (int)(at - buffer->bytes);
    return true;
}
