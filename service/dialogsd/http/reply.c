#include "http/reply.h"

#include "http/cors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a failure of the library means to a client. A text here stands for the library's own where
 * that speaks of the database, which is nobody's business but the operator's.
 */
static const struct meaning {
    int code;
    unsigned status; /* 0: the route says */
    const char *text;
} meanings[] = {
    {DLG_E_ARGUMENT, 400, NULL},
    {DLG_E_TEXT, 400, NULL},
    {DLG_E_CURSOR, 400, NULL},
    {DLG_E_PASSWORD, 401, NULL},
    {DLG_E_TOKEN, 401, NULL},
    {DLG_E_TOKEN_EXPIRED, 401, NULL},
    {DLG_E_NOT_FOUND, 404, NULL},
    {DLG_E_RECIPIENT, 404, NULL},
    {DLG_E_EXISTS, 409, NULL},
    {DLG_E_TOO_LARGE, 0, NULL},
    {DLG_E_KEY_REUSED, 422, NULL},
    {DLG_E_STATE, 501, "this service runs without events (feed=off); follow each dialog with list and its cursors"},
    {DLG_E_OVERLOAD, 0, "too many requests at once; try again after the time in Retry-After"},
    {DLG_E_MEMORY, 503, "out of memory; try again after the time in Retry-After"},
    {DLG_E_CLOSED, 503, "the service is stopping; try again after the time in Retry-After"},
    {DLG_E_TIMEOUT, 503, "the database did not answer in time; try again after the time in Retry-After"},
    {DLG_E_UNAVAILABLE, 503, "the database cannot be reached; try again after the time in Retry-After"},
    {DLG_E_SCHEMA, 503, "the database is not set up; the service's log says more"},
};

static const struct meaning unexpected = {0, 500,
                                          "something went wrong; give the request_id to whoever runs the service"};

static const struct meaning *meaning_of(int code)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].code == code)
            return &meanings[i];
    return &unexpected;
}

struct MHD_Response *reply_new(struct text *body)
{
    if (body->failed) {
        text_free(body);
        return NULL;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(body->length, body->data, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(body->data);
    *body = (struct text){0};
    return response;
}

void reply_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (response)
        MHD_add_response_header(response, name, value);
}

void reply_send(struct exchange *exchange, unsigned status, struct MHD_Response *response, const char *type)
{
    exchange->step = STEP_ANSWERED;
    if (!response) {
        exchange->aborted = true;
        return;
    }
    if (type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, "X-Request-Id", exchange->request_id);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    cors_answer(exchange, response);
    if (atomic_load_explicit(&exchange->service->backend.draining, memory_order_relaxed))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (MHD_queue_response(exchange->connection, status, response) == MHD_YES)
        exchange->status = status;
    else
        exchange->aborted = true;
    MHD_destroy_response(response);
}

struct writer reply_writer(const struct exchange *exchange)
{
    return (struct writer){.packed = exchange->packed};
}

static struct MHD_Response *response_of(struct exchange *exchange, struct writer *writer)
{
    exchange->answer_length = writer->text.length;
    struct MHD_Response *response = reply_new(&writer->text);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return response;
}

static const char *type_of(const struct writer *writer)
{
    return writer->packed ? MSGPACK_TYPE : JSON_TYPE;
}

void reply_written(struct exchange *exchange, unsigned status, struct writer *writer)
{
    reply_send(exchange, status, response_of(exchange, writer), type_of(writer));
}

void reply_empty(struct exchange *exchange, unsigned status)
{
    struct text body = {0};
    reply_send(exchange, status, reply_new(&body), NULL);
}

void reply_options(struct exchange *exchange)
{
    struct text body = {0};
    struct MHD_Response *response = reply_new(&body);
    reply_header(response, MHD_HTTP_HEADER_ALLOW, exchange->match.allow);
    cors_preflight(exchange, response);
    reply_send(exchange, 204, response, NULL);
}

static void retry_header(const struct exchange *exchange, struct MHD_Response *response, unsigned status)
{
    char seconds[16];
    int wait_s = exchange->retry_after_s ? exchange->retry_after_s : status == 500 ? 5 : 1;
    snprintf(seconds, sizeof seconds, "%d", wait_s);
    reply_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
}

static void reply_problem(struct exchange *exchange, unsigned status, int code, const char *fate, const char *message)
{
    struct writer body = reply_writer(exchange);
    write_object(&body, fate ? 4 : 3);
    write_name(&body, "message");
    write_printable(&body, message);
    write_name(&body, "request_id");
    write_string(&body, exchange->request_id);
    write_name(&body, "code");
    write_number(&body, abs(code));
    if (fate) {
        write_name(&body, "fate");
        write_string(&body, fate);
    }
    write_object_end(&body);
    exchange->failure = code;
    struct MHD_Response *response = response_of(exchange, &body);
    if (status == 401)
        reply_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"dialogs\"");
    if (status == 405)
        reply_header(response, MHD_HTTP_HEADER_ALLOW, exchange->match.allow);
    if (status == 429 || (status >= 500 && status != 501)) /* what is switched off stays so */
        retry_header(exchange, response, status);
    reply_send(exchange, status, response, type_of(&body));
}

void reply_error(struct exchange *exchange, unsigned status, int code, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    reply_problem(exchange, status, code, NULL, message);
}

static const char *fate_name(const dlg_error *error)
{
    switch (dlg_error_fate(error)) {
    case DLG_FATE_POSSIBLY_WRITTEN:
        return "possibly_written";
    case DLG_FATE_WRITTEN:
        return "written";
    case DLG_FATE_NOT_WRITTEN:
        break;
    }
    return "not_written";
}

void reply_failure(struct exchange *exchange, const dlg_error *error)
{
    int code = dlg_error_code(error);
    const struct meaning *meaning = meaning_of(code);
    const struct route *route = exchange->match.route;
    unsigned status = meaning->status;
    if (code == DLG_E_OVERLOAD)
        status = route->overload;
    else if (code == DLG_E_TOO_LARGE)
        status = route->too_large;
    bool writes = strcmp(route->method, "POST") == 0;
    snprintf(exchange->sqlstate, sizeof exchange->sqlstate, "%s", dlg_error_sqlstate(error));
    reply_problem(exchange, status, code, writes && status >= 500 ? fate_name(error) : NULL,
                  meaning->text ? meaning->text : dlg_error_message(error));
}
