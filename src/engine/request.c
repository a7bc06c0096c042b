#include "engine/request.h"

#include <stdlib.h>
#include <string.h>

/* To its owner a request is a reply; the type exists only in the public header. */
static const struct request *reply_request(const dlg_reply *reply)
{
    return (const struct request *)(const void *)reply;
}

void *request_new(size_t size, enum request_kind kind)
{
    return request_new_part(size, size, kind);
}

void *request_new_part(size_t size, size_t zeroed, enum request_kind kind)
{
    struct request *request = malloc(size);
    if (!request)
        return NULL;
    memset(request, 0, zeroed);
    request->kind = kind;
    atomic_init(&request->references, 1);
    return request;
}

void request_hold(struct request *request)
{
    atomic_fetch_add_explicit(&request->references, 1, memory_order_relaxed);
}

void engine_expect(struct request *request)
{
    request->outstanding++;
    request_hold(request);
}

void request_release(struct request *request)
{
    if (atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) > 1)
        return;
    if (request->destroy)
        request->destroy(request);
    if (request->awaited)
        sem_destroy(&request->finished);
    for (int i = 0; i < REQUEST_QUERIES; i++)
        query_clear(&request->queries[i]);
    dlg_error_free(request->error);
    dlg_error_free(request->last_error);
    free(request);
}

const struct request *reply_as(const dlg_reply *reply, enum request_kind kind)
{
    const struct request *request = reply_request(reply);
    return request && request->kind == kind && !request->error ? request : NULL;
}

dlg_fate request_fate(const struct request *request)
{
    for (int i = 0; i < REQUEST_QUERIES; i++) {
        const struct query *query = &request->queries[i];
        if (query->statement && query->statement->writes && (query->possibly_written || query->batch))
            return DLG_FATE_POSSIBLY_WRITTEN;
    }
    return DLG_FATE_NOT_WRITTEN;
}

int dlg_reply_code(const dlg_reply *reply)
{
    return dlg_error_code(dlg_reply_error(reply));
}

const dlg_error *dlg_reply_error(const dlg_reply *reply)
{
    return reply ? reply_request(reply)->error : NULL;
}

void *dlg_reply_payload(const dlg_reply *reply)
{
    return reply ? reply_request(reply)->payload : NULL;
}

void dlg_reply_free(dlg_reply *reply)
{
    if (reply)
        request_release((struct request *)(void *)reply);
}
