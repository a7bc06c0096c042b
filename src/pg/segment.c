#include "pg/segment.h"

#include <stdlib.h>
#include <string.h>

struct segment *segment_new(enum segment_form form)
{
    struct segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return NULL;
    segment->form = form;
    TAILQ_INIT(&segment->queries);
    return segment;
}

void segment_free(struct segment *segment)
{
    if (segment)
        dlg_error_free(segment->error);
    free(segment);
}

void segment_add(struct segment *segment, struct query *query)
{
    TAILQ_INSERT_TAIL(&segment->queries, query, link);
    query->segment = segment;
    segment->count++;
    segment->direct += query->shard != 0;
}

void segment_remove(struct segment *segment, struct query *query)
{
    TAILQ_REMOVE(&segment->queries, query, link);
    query->segment = NULL;
    segment->count--;
    segment->direct -= query->shard != 0;
}

/* dimensions, flags, element type, length, lower bound */
enum { ARRAY_HEADER = 5 * sizeof(int32_t) };

static size_t array_size(const struct segment *segment, int position)
{
    size_t size = ARRAY_HEADER;
    const struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link)
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

static char *array_encode(char *to, const struct segment *segment, const struct statement *statement, int position)
{
    to = array_header(to, statement->types[position], segment->count);
    const struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link) {
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

bool rows_encode(struct rows_buffer *buffer, const struct segment *segment)
{
    const struct statement *statement = TAILQ_FIRST(&segment->queries)->statement;
    size_t size = 0;
    for (int i = 0; i < statement->count; i++)
        size += array_size(segment, i);
    if (!buffer_reserve(buffer, size))
        return false;
    char *at = buffer->bytes;
    for (int i = 0; i < statement->count; i++) {
        char *end = array_encode(at, segment, statement, i);
        buffer->values[i] = at;
        buffer->lengths[i] = (int)(end - at);
        at = end;
    }
    return true;
}

bool shards_encode(struct rows_buffer *buffer, const struct segment *segment)
{
    enum { ELEMENT = sizeof(int32_t) + sizeof(int64_t) };
    if (!buffer_reserve(buffer, ARRAY_HEADER + segment->direct * ELEMENT))
        return false;
    char *at = array_header(buffer->bytes, OID_INT8, segment->direct);
    const struct query *query;
    TAILQ_FOREACH (query, &segment->queries, link) {
        if (!query->shard)
            continue;
        put_int32(at, sizeof(int64_t));
        put_int64(at + sizeof(int32_t), query->shard);
        at += ELEMENT;
    }
    buffer->values[0] = buffer->bytes;
    buffer->lengths[0] = (int)(at - buffer->bytes);
    return true;
}
