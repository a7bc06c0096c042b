#include "http/request_ctx.h"

#include "common/service_clock.h"
#include "content/media_types.h"
#include "guard/client_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *ctx_header(const struct request_ctx *ctx, const char *name, size_t *length)
{
    const char *value = NULL;
    MHD_lookup_connection_value_n(ctx->connection, MHD_HEADER_KIND, name, strlen(name), &value, NULL);
    if (length) /* check_head() may have shortened it */
        *length = value ? strlen(value) : 0;
    return value;
}

const char *ctx_token(const struct request_ctx *ctx, size_t *length)
{
    static const char scheme[] = "Bearer ";
    const char *value = ctx_header(ctx, MHD_HTTP_HEADER_AUTHORIZATION, length);
    if (!value || strncasecmp(value, scheme, sizeof scheme - 1) != 0)
        return NULL;
    const char *token = value + sizeof scheme - 1;
    token += strspn(token, " ");
    *length -= (size_t)(token - value);
    return token;
}

/* A client's own request id, when it is one that may stand in a log and in a header. */
static bool take_request_id(struct request_ctx *ctx)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length;
    const char *given = ctx_header(ctx, "X-Request-Id", &length);
    if (!given || !length || length >= REQUEST_ID_SIZE || strspn(given, good) != length)
        return false;
    memcpy(ctx->request_id, given, length + 1);
    return true;
}

static enum MHD_Result last_forwarded(void *payload, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    const char **last = payload;
    if (strcasecmp(name, "X-Forwarded-For") == 0)
        *last = value ? value : "";
    return MHD_YES;
}

/*
 * Behind a proxy the last address is the one that it saw; those before it are what the client says. All lines of that
 * name are one list (RFC 9110, 5.3), and some proxies add a line of their own.
 */
static void take_address(struct request_ctx *ctx)
{
    const char *last = NULL;
    client_address_read(ctx->client->address, strlen(ctx->client->address), ctx->address);
    if (ctx->service->config.proxied)
        MHD_get_connection_values(ctx->connection, MHD_HEADER_KIND, last_forwarded, &last);
    if (last)
        client_address_last(last, ctx->address);
    client_address_network(ctx->address, ctx->network);
}

static void make_request_id(struct request_ctx *ctx)
{
    uint_fast64_t number = atomic_fetch_add_explicit(&ctx->service->request_count, 1, memory_order_relaxed);
    snprintf(ctx->request_id, sizeof ctx->request_id, "%s-%llx", ctx->service->request_prefix,
             (unsigned long long)number);
}

static void take_format(struct request_ctx *ctx)
{
    const char *accept = ctx_header(ctx, MHD_HTTP_HEADER_ACCEPT, NULL);
    ctx->packed = accept && accept_msgpack(accept);
}

/* Whose trace this request is a part of (W3C Trace Context, 3.2): "00-TRACE-SPAN-FLAGS", lower-case digits. */
static void take_trace(struct request_ctx *ctx)
{
    static const char digits[] = "0123456789abcdef";
    enum { VERSION = 3, LENGTH = VERSION + TRACE_ID_SIZE + SPAN_ID_SIZE + 2 };
    size_t length;
    const char *given = ctx_header(ctx, "traceparent", &length);
    if (!given || length < LENGTH || strspn(given, digits) != 2 || strncmp(given, "ff", 2) == 0)
        return;
    const char *trace = given + VERSION, *span = trace + TRACE_ID_SIZE, *flags = span + SPAN_ID_SIZE;
    bool good = given[2] == '-' && strspn(trace, digits) == TRACE_ID_SIZE - 1 && span[-1] == '-' &&
                strspn(span, digits) == SPAN_ID_SIZE - 1 && flags[-1] == '-' && strspn(flags, digits) == 2 &&
                (length == LENGTH || (strncmp(given, "00", 2) != 0 && flags[2] == '-'));
    if (!good || strspn(trace, "0") == TRACE_ID_SIZE - 1 || strspn(span, "0") == SPAN_ID_SIZE - 1)
        return;
    memcpy(ctx->trace_id, trace, TRACE_ID_SIZE - 1);
    memcpy(ctx->span_id, span, SPAN_ID_SIZE - 1);
}

struct request_ctx *ctx_new(struct service *service, struct MHD_Connection *connection, const char *uri)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct request_ctx *ctx = info->socket_context ? calloc(1, sizeof *ctx) : NULL; /* for both there was memory */
    if (!ctx)
        return NULL;
    ctx->service = service;
    ctx->connection = connection;
    ctx->client = info->socket_context;
    ctx->memory.budget = &service->memory;
    snprintf(ctx->address, sizeof ctx->address, "%s", ctx->client->address);
    snprintf(ctx->method, sizeof ctx->method, "-");
    ctx->started_us = monotonic_us();
    ctx->line.target = uri;
    ctx->line.target_end = uri + strlen(uri);
    for (const char *at = uri; *at; at++)
        ctx->line.bad_target = ctx->line.bad_target || (unsigned char)*at <= ' ' || *at == 0x7f;
    uri = target_path(uri);
    const char *nul = strstr(uri, "%00");
    ctx->bad_path = nul && nul < uri + strcspn(uri, "?");
    snprintf(ctx->path, sizeof ctx->path, "%.*s", (int)strcspn(uri, "?"), uri);
    return ctx;
}

void ctx_read_head(struct request_ctx *ctx, const char *method)
{
    snprintf(ctx->method, sizeof ctx->method, "%s", method);
    if (!take_request_id(ctx))
        make_request_id(ctx);
    take_format(ctx);
    take_trace(ctx);
    take_address(ctx);
    memory_holding_for(&ctx->memory, SHARE_ADDRESS, ctx->address, strlen(ctx->address));
}

void ctx_forget_outcome(struct request_ctx *ctx)
{
    dlg_reply_free(ctx->reply);
    dlg_error_free(ctx->error);
    ctx->reply = NULL;
    ctx->error = NULL;
}

json_t *ctx_take_input(struct request_ctx *ctx)
{
    json_t *input = ctx->input;
    ctx->input = NULL;
    return input;
}

void input_free(json_t *input)
{
    json_t *password = json_object_get(input, "password");
    if (json_is_string(password))
        explicit_bzero((char *)json_string_value(password), json_string_length(password));
    json_decref(input);
}

void ctx_forget_input(struct request_ctx *ctx)
{
    input_free(ctx_take_input(ctx));
}

void ctx_free(struct request_ctx *ctx)
{
    if (ctx->secret)
        buffer_wipe(&ctx->body);
    buffer_free(&ctx->body);
    ctx_forget_input(ctx);
    ctx_forget_outcome(ctx); /* of a client that went away while it waited */
    memory_give(&ctx->memory);
    dlg_error_free(ctx->token_error);
    free(ctx);
}
