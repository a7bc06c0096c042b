#include "pg/query.h"

#include <string.h>

void queue_init(struct queue *queue)
{
    TAILQ_INIT(&queue->list);
    queue->count = 0;
}

void queue_push(struct queue *queue, struct query *query)
{
    TAILQ_INSERT_TAIL(&queue->list, query, link);
    query->queue = queue;
    queue->count++;
}

void queue_push_front(struct queue *queue, struct query *query)
{
    TAILQ_INSERT_HEAD(&queue->list, query, link);
    query->queue = queue;
    queue->count++;
}

void queue_remove(struct query *query)
{
    TAILQ_REMOVE(&query->queue->list, query, link);
    query->queue->count--;
    query->queue = NULL;
}

struct query *queue_pop(struct queue *queue)
{
    struct query *query = TAILQ_FIRST(&queue->list);
    if (query)
        queue_remove(query);
    return query;
}

void query_init(struct query *query, struct request *request, enum statement_id id, const dlg_uuid *route)
{
    query_clear(query);
    *query = (struct query){.request = request, .statement = statement_get(id), .route = route};
}

void query_set_uuid(struct query *query, int position, const dlg_uuid *uuid)
{
    query_set_text(query, position, (const char *)uuid->bytes, sizeof uuid->bytes);
}

void query_set_text(struct query *query, int position, const char *text, size_t length)
{
    query->values[position] = text;
    query->lengths[position] = (int)length;
}

void query_set_int64(struct query *query, int position, int64_t value)
{
    put_int64(query->numbers[position], value);
    query_set_text(query, position, query->numbers[position], sizeof query->numbers[position]);
}

void query_set_time(struct query *query, int position, int64_t us)
{
    query_set_int64(query, position, timestamp_from_us(us));
}

size_t query_size(const struct query *query)
{
    size_t size = 0;
    for (int i = 0; i < query->statement->count; i++)
        size += query->values[i] ? (size_t)query->lengths[i] : 0;
    return size;
}

void query_clear(struct query *query)
{
    PQclear(query->result);
    dlg_error_free(query->error);
    query->result = NULL;
    query->placement_verified = false;
    query->error = NULL;
    query->affected = 0;
}

int query_rows(const struct query *query)
{
    return query->result ? PQntuples(query->result) : 0;
}

/* The length of NULL is 0. */
static const char *field(const struct query *query, int row, int column, int size)
{
    return PQgetlength(query->result, row, column) == size ? PQgetvalue(query->result, row, column) : NULL;
}

bool query_bool(const struct query *query, int row, int column)
{
    const char *value = field(query, row, column, 1);
    return value && *value;
}

int32_t query_int32(const struct query *query, int row, int column)
{
    const char *value = field(query, row, column, sizeof(int32_t));
    return value ? get_int32(value) : 0;
}

int64_t query_int64(const struct query *query, int row, int column)
{
    const char *value = field(query, row, column, sizeof(int64_t));
    return value ? get_int64(value) : 0;
}

int64_t query_time(const struct query *query, int row, int column)
{
    const char *value = field(query, row, column, sizeof(int64_t));
    return value ? timestamp_to_us(get_int64(value)) : 0;
}

bool query_is_int64(const struct query *query, int row, int column)
{
    return field(query, row, column, sizeof(int64_t)) != NULL;
}

const char *query_text(const struct query *query, int row, int column, size_t *length)
{
    int bytes = PQgetlength(query->result, row, column);
    if (bytes == 0 && PQgetisnull(query->result, row, column))
        return NULL;
    if (length)
        *length = (size_t)bytes;
    return PQgetvalue(query->result, row, column);
}

bool query_uuid(const struct query *query, int row, int column, dlg_uuid *uuid)
{
    const char *value = field(query, row, column, sizeof uuid->bytes);
    if (value)
        memcpy(uuid->bytes, value, sizeof uuid->bytes);
    return value != NULL;
}
