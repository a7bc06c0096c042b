#include "http/reply.h"

#include "content/media_types.h"
#include "http/cors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

static const struct meaning unexpected = {0, 500, "internal error; give the request_id to the operator of the service"};

static const struct meaning *meaning_of(int code)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].code == code)
            return &meanings[i];
    return &unexpected;
}

/* RFC 6797: over TLS only, our own or that of the proxy in front. */
static void hsts_header(const struct request_ctx *ctx, struct MHD_Response *response)
{
    const struct config *config = &ctx->service->config;
    char value[48];
    if (!config->hsts_s || ctx->client->admin || (!config->tls_certificate && !config->proxied))
        return;
    snprintf(value, sizeof value, "max-age=%lld", (long long)config->hsts_s);
    MHD_add_response_header(response, "Strict-Transport-Security", value);
}

/* A short answer is as much as its connection costs anyway. */
enum { SMALL_BYTES = 4096 };

void reply_send(struct request_ctx *ctx, unsigned status, struct MHD_Response *response, const char *type)
{
    ctx->step = STEP_ANSWERED;
    if (!response) {
        ctx->aborted = true;
        return;
    }
    if (type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, "X-Request-Id", ctx->request_id);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    cors_answer(ctx, response);
    hsts_header(ctx, response);
    /* Where a chunked body ends others may see otherwise, and nobody tells us (head_checks.h): nothing may follow it.
     */
    if (ctx->chunked || atomic_load_explicit(&ctx->service->backend.draining, memory_order_relaxed))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (MHD_queue_response(ctx->connection, status, response) == MHD_YES)
        ctx->status = status;
    else
        ctx->aborted = true;
    MHD_destroy_response(response);
}

struct body_writer reply_writer(const struct request_ctx *ctx)
{
    return (struct body_writer){.packed = ctx->packed};
}

static struct MHD_Response *response_of(struct request_ctx *ctx, struct body_writer *writer)
{
    ctx->answer_length = writer->text.length;
    struct MHD_Response *response = response_new(&writer->text);
    response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return response;
}

static const char *type_of(const struct body_writer *writer)
{
    return writer->packed ? MSGPACK_TYPE : JSON_TYPE;
}

void reply_written(struct request_ctx *ctx, unsigned status, struct body_writer *writer)
{
    if (writer->text.room > SMALL_BYTES && !memory_take(&ctx->memory, writer->text.room)) {
        buffer_free(&writer->text);
        reply_no_memory(ctx);
        return;
    }
    reply_send(ctx, status, response_of(ctx, writer), type_of(writer));
}

void reply_empty(struct request_ctx *ctx, unsigned status)
{
    struct text_buffer body = {0};
    reply_send(ctx, status, response_new(&body), NULL);
}

void reply_options(struct request_ctx *ctx)
{
    struct text_buffer body = {0};
    struct MHD_Response *response = response_new(&body);
    response_header(response, MHD_HTTP_HEADER_ALLOW, ctx->match.allow);
    cors_preflight(ctx, response);
    reply_send(ctx, 204, response, NULL);
}

static int retry_after_s(const struct request_ctx *ctx, unsigned status)
{
    return ctx->retry_after_s ? ctx->retry_after_s : status == 500 ? 5 : 1;
}

static void retry_header(const struct request_ctx *ctx, struct MHD_Response *response, unsigned status)
{
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", retry_after_s(ctx, status));
    response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
}

/*
 * An EventSource comes again after a stream that ends, and never after a status other than 200 (HTML standard, 9.2.3).
 * So it gets a stream that only says when to come again, and, in a comment, why.
 */
static void reply_comeback(struct request_ctx *ctx, unsigned status, const char *message)
{
    struct text_buffer stream = {0};
    buffer_add_format(&stream, "retry: %d\n: ", retry_after_s(ctx, status) * 1000);
    for (; *message; message++)
        buffer_add(&stream, *message < ' ' ? " " : message, 1);
    buffer_add_string(&stream, "\n");
    ctx->answer_length = stream.length;
    struct MHD_Response *response = response_new(&stream);
    response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    reply_send(ctx, 200, response, EVENTS_TYPE);
}

/* What is switched off stays so. */
static bool is_temporary(unsigned status)
{
    return status >= 500 && status != 501;
}

/* Whether the client would never come again after a status other than 200, and this one passes. */
static bool needs_comeback(const struct request_ctx *ctx, unsigned status)
{
    const struct route *route = ctx->match.route;
    const char *accept = ctx_header(ctx, MHD_HTTP_HEADER_ACCEPT, NULL);
    if (!route || !(route->needs & GIVES_EVENTS))
        return false;
    return is_temporary(status) || (status == 429 && accept && accept_names_events(accept));
}

/* RFC 6750, 3: an error only when there was a token. */
static const char *challenge(const struct request_ctx *ctx)
{
    static const char scheme[] = "Bearer ";
    const struct route *route = ctx->match.route;
    size_t length = 0;
    const char *given = ctx_header(ctx, MHD_HTTP_HEADER_AUTHORIZATION, &length);
    bool token = given && length >= sizeof scheme && strncasecmp(given, scheme, sizeof scheme - 1) == 0;
    return token && route && (route->needs & NEEDS_TOKEN) ? "Bearer realm=\"dialogs\", error=\"invalid_token\""
                                                          : "Bearer realm=\"dialogs\"";
}

/* Only calls that write tell it, and only when it is the service that failed. */
static bool tells_fate(const struct request_ctx *ctx, unsigned status)
{
    return status >= 500 && ctx->match.route && strcmp(ctx->match.route->method, MHD_HTTP_METHOD_POST) == 0;
}

static const char *fate_name(dlg_fate fate)
{
    switch (fate) {
    case DLG_FATE_POSSIBLY_WRITTEN:
        return "possibly_written";
    case DLG_FATE_WRITTEN:
        return "written";
    case DLG_FATE_NOT_WRITTEN:
        break;
    }
    return "not_written";
}

static void reply_problem(struct request_ctx *ctx, unsigned status, int code, dlg_fate fate, const char *message)
{
    bool told = tells_fate(ctx, status);
    ctx->failure = code;
    if (needs_comeback(ctx, status)) {
        reply_comeback(ctx, status, message);
        return;
    }
    struct body_writer body = reply_writer(ctx);
    write_object(&body, told ? 4 : 3);
    write_name(&body, "message");
    write_printable(&body, message);
    write_name(&body, "request_id");
    write_string(&body, ctx->request_id);
    write_name(&body, "code");
    write_number(&body, abs(code));
    if (told) {
        write_name(&body, "fate");
        write_string(&body, fate_name(fate));
    }
    write_object_end(&body);
    struct MHD_Response *response = response_of(ctx, &body);
    if (status == 401)
        response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, challenge(ctx));
    if (status == 405)
        response_header(response, MHD_HTTP_HEADER_ALLOW, ctx->match.allow);
    if (status == 429 || is_temporary(status))
        retry_header(ctx, response, status);
    reply_send(ctx, status, response, type_of(&body));
}

void reply_error(struct request_ctx *ctx, unsigned status, int code, const char *format, ...)
{
    bool asked = ctx->step == STEP_WAITING && !ctx->refused;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    reply_problem(ctx, status, code, asked ? DLG_FATE_POSSIBLY_WRITTEN : DLG_FATE_NOT_WRITTEN, message);
}

void reply_no_memory(struct request_ctx *ctx)
{
    reply_error(ctx, 503, DLG_E_MEMORY, "the service's memory is taken; try again after the time in Retry-After");
}

void reply_failure(struct request_ctx *ctx, const dlg_error *error)
{
    int code = dlg_error_code(error);
    const struct meaning *meaning = meaning_of(code);
    const struct route *route = ctx->match.route;
    unsigned status = meaning->status;
    if (code == DLG_E_OVERLOAD)
        status = route->overload;
    else if (code == DLG_E_TOO_LARGE)
        status = route->too_large;
    snprintf(ctx->sqlstate, sizeof ctx->sqlstate, "%s", dlg_error_sqlstate(error));
    reply_problem(ctx, status, code, dlg_error_fate(error), meaning->text ? meaning->text : dlg_error_message(error));
}
