#include "http/request_ctx.h"

#include "content/media_types.h"
#include "http/access_log.h"
#include "http/limits.h"
#include "http/reply.h"
#include "ops/metrics.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Beyond its limit a body is read on for so long, so that the client gets to see why it is refused. */
enum { DISCARD_LIMIT = 32 * 1024 * 1024 };

const char *ctx_header(const struct request_ctx *ctx, const char *name, size_t *length)
{
    const char *value = NULL;
    size_t size = 0;
    MHD_lookup_connection_value_n(ctx->connection, MHD_HEADER_KIND, name, strlen(name), &value, &size);
    if (length)
        *length = size;
    return value;
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

/* Behind a proxy the last address is the one that it saw; those before it are what the client says. */
static void take_address(struct request_ctx *ctx)
{
    const char *given = ctx->service->config.proxied ? ctx_header(ctx, "X-Forwarded-For", NULL) : NULL;
    const char *comma = given ? strrchr(given, ',') : NULL;
    struct in6_addr binary;
    char text[INET6_ADDRSTRLEN];
    if (comma)
        given = comma + 1 + strspn(comma + 1, " ");
    if (!given || snprintf(text, sizeof text, "%s", given) >= (int)sizeof text)
        return;
    if (inet_pton(AF_INET, text, &binary) == 1 || inet_pton(AF_INET6, text, &binary) == 1)
        memcpy(ctx->address, text, sizeof text);
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
    struct request_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx)
        return NULL;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    ctx->service = service;
    ctx->connection = connection;
    ctx->client = info->socket_context;
    snprintf(ctx->address, sizeof ctx->address, "%s", ctx->client->address);
    snprintf(ctx->method, sizeof ctx->method, "-");
    ctx->started_us = monotonic_us();
    const char *nul = strstr(uri, "%00");
    ctx->bad_path = nul && nul < uri + strcspn(uri, "?");
    snprintf(ctx->path, sizeof ctx->path, "%.*s", (int)strcspn(uri, "?"), uri);
    return ctx;
}

/* ---- The body ---- */

static enum MHD_Result count_framing(void *payload, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    (void)value;
    unsigned *count = payload;
    *count += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    *count += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

/*
 * Where the body ends has to be said once: with two headers about it, a proxy before us may see
 * another request than we do (RFC 9112, 11.2). An answer from here closes the connection.
 */
static bool check_framing(struct request_ctx *ctx)
{
    unsigned count = 0;
    MHD_get_connection_values(ctx->connection, MHD_HEADER_KIND, count_framing, &count);
    if (count > 1)
        reply_bad(ctx, "send one Content-Length or one Transfer-Encoding");
    return count <= 1;
}

static bool check_length(struct request_ctx *ctx)
{
    const char *text = ctx_header(ctx, MHD_HTTP_HEADER_CONTENT_LENGTH, NULL);
    uint64_t length = text ? strtoull(text, NULL, 10) : 0;
    uint64_t limit = (uint64_t)ctx->service->config.body_limit;
    if (length && length <= limit)
        buffer_reserve(&ctx->body, (size_t)length);
    if (length <= limit + DISCARD_LIMIT)
        return true;
    reply_error(ctx, 413, DLG_E_TOO_LARGE, "the body is longer than %llu bytes", (unsigned long long)limit);
    return false;
}

static enum MHD_Result take_head(struct request_ctx *ctx, const char *path, const char *method)
{
    snprintf(ctx->method, sizeof ctx->method, "%s", method);
    ctx->step = STEP_BODY;
    ctx->counted = true;
    atomic_fetch_add(&ctx->service->active, 1);
    if (!take_request_id(ctx))
        make_request_id(ctx);
    take_format(ctx);
    take_trace(ctx);
    take_address(ctx);
    if (!ctx->bad_path)
        router_match(method, path, &ctx->match);
    ctx->secret = ctx->match.route && !(ctx->match.route->needs & NEEDS_TOKEN);
    if (check_framing(ctx))
        check_length(ctx);
    return ctx->aborted ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_body(struct request_ctx *ctx, const char *data, size_t *size)
{
    uint64_t limit = (uint64_t)ctx->service->config.body_limit;
    const struct route *route = ctx->match.route;
    bool wanted = route && (route->needs & NEEDS_BODY);
    ctx->body_length += *size;
    if (ctx->body_length > limit + DISCARD_LIMIT)
        return MHD_NO; /* libmicrohttpd takes no answer in the midst of a body */
    if (wanted && ctx->body_length <= limit)
        buffer_add(&ctx->body, data, *size);
    *size = 0;
    return MHD_YES;
}

/* ---- Checks before a route starts; each answers and returns false when it refuses ---- */

static bool check_route(struct request_ctx *ctx, const char *path)
{
    if (ctx->match.route)
        return true;
    bool known = ctx->match.allow[0] != '\0';
    if (!known && !ctx->bad_path && pages_answer(ctx, path))
        return false;
    if (!known)
        reply_error(ctx, 404, 404, "there is nothing here; /swagger/index.html shows the calls");
    else if (strcmp(ctx->method, MHD_HTTP_METHOD_OPTIONS) == 0)
        reply_options(ctx);
    else
        reply_error(ctx, 405, 405, "this path takes %s", ctx->match.allow);
    return false;
}

static bool check_token(struct request_ctx *ctx)
{
    static const char scheme[] = "Bearer ";
    size_t length;
    const char *value = ctx_header(ctx, MHD_HTTP_HEADER_AUTHORIZATION, &length);
    if (!value || strncasecmp(value, scheme, sizeof scheme - 1) != 0) {
        reply_error(ctx, 401, DLG_E_TOKEN, "send the header \"Authorization: Bearer TOKEN\" with a token from /login");
        return false;
    }
    const char *token = value + sizeof scheme - 1;
    token += strspn(token, " ");
    dlg_error *error = NULL;
    int code = dlg_token_verify(ctx->service->backend.client, token, length - (size_t)(token - value), &ctx->caller,
                                &ctx->expires_us, &error);
    if (code == DLG_OK)
        ctx->token = token_hash(token, length - (size_t)(token - value));
    if (code != DLG_OK)
        reply_failure(ctx, error);
    else if (revoked_tokens_contain(&ctx->service->tokens, &ctx->token))
        reply_error(ctx, 401, DLG_E_TOKEN, "this token was given back with /logout; get another from /login");
    else
        ctx->has_caller = true;
    dlg_error_free(error);
    return ctx->has_caller;
}

static bool check_accept(struct request_ctx *ctx)
{
    const char *accept = ctx_header(ctx, MHD_HTTP_HEADER_ACCEPT, NULL);
    bool events = ctx->match.route->needs & GIVES_EVENTS;
    if (!accept || (ctx->match.route->needs & GIVES_TEXT) ||
        (events ? accept_events(accept) : ctx->packed || accept_json(accept)))
        return true;
    if (events)
        reply_error(ctx, 406, 406, "this is a stream of events; send \"Accept: text/event-stream\" or none");
    else
        reply_error(
            ctx, 406, 406,
            "answers are JSON or msgpack; send \"Accept: application/json\", \"application/vnd.msgpack\" or none");
    return false;
}

static bool check_body(struct request_ctx *ctx)
{
    const char *type = ctx_header(ctx, MHD_HTTP_HEADER_CONTENT_TYPE, NULL);
    const char *coding = ctx_header(ctx, MHD_HTTP_HEADER_CONTENT_ENCODING, NULL);
    if (ctx->body_length > (uint64_t)ctx->service->config.body_limit)
        reply_error(ctx, 413, DLG_E_TOO_LARGE, "the body is longer than %lld bytes",
                    (long long)ctx->service->config.body_limit);
    else if (type && !content_is_json(type) && !content_is_msgpack(type))
        reply_error(
            ctx, 415, 415,
            "send the body as JSON in UTF-8, with \"Content-Type: application/json\", or as application/vnd.msgpack");
    else if (coding && strcasecmp(coding, "identity") != 0)
        reply_error(ctx, 415, 415, "send the body without Content-Encoding");
    else if (ctx->body.failed)
        reply_error(ctx, 503, DLG_E_MEMORY, "out of memory; try again after the time in Retry-After");
    else
        return true;
    return false;
}

static bool check_path(struct request_ctx *ctx)
{
    const struct match *match = &ctx->match;
    if (!match->parameter || dlg_uuid_parse(match->parameter, match->parameter_length, &ctx->named) == DLG_OK)
        return true;
    reply_bad(ctx, "the id in the path is not a UUID such as 387ac1c1-6581-4ace-a113-707c8585fe28");
    return false;
}

static bool check_database(struct request_ctx *ctx)
{
    if (atomic_load_explicit(&ctx->service->backend.installed, memory_order_relaxed))
        return true;
    reply_error(ctx, 503, DLG_E_UNAVAILABLE,
                "the service waits for its database; try again after the time in Retry-After");
    return false;
}

/* ---- From the whole request to the answer ---- */

static void start_route(struct request_ctx *ctx)
{
    const struct route *route = ctx->match.route;
    if ((route->needs & NEEDS_DATABASE) && !limits_allow_load(ctx))
        return;
    if ((route->needs & NEEDS_TOKEN) && !check_token(ctx))
        return;
    if (!check_accept(ctx))
        return;
    if ((route->needs & NEEDS_BODY) && !check_body(ctx))
        return;
    if (!check_path(ctx))
        return;
    if ((route->needs & NEEDS_DATABASE) && !check_database(ctx))
        return;
    route->start(ctx);
}

static void start(struct request_ctx *ctx, const char *path)
{
    client_busy(ctx->client);
    if (!check_route(ctx, path))
        return;
    if (!backend_enter(&ctx->service->backend)) {
        reply_error(ctx, 503, DLG_E_CLOSED, "the service is stopping; try again after the time in Retry-After");
        return;
    }
    start_route(ctx);
    backend_leave(&ctx->service->backend);
}

static void forget_outcome(struct request_ctx *ctx)
{
    dlg_reply_free(ctx->reply);
    dlg_error_free(ctx->error);
    ctx->reply = NULL;
    ctx->error = NULL;
}

static void finish(struct request_ctx *ctx)
{
    ctx->busy = false;
    atomic_fetch_sub_explicit(&ctx->service->busy, 1, memory_order_relaxed);
    if (limits_pace(ctx))
        admission_end(&ctx->service->admission, monotonic_us() - ctx->asked_us);
    const dlg_error *error = ctx->reply ? dlg_reply_error(ctx->reply) : ctx->error;
    if (error)
        reply_failure(ctx, error);
    else
        ctx->match.route->finish(ctx);
    forget_outcome(ctx);
}

enum MHD_Result ctx_run(struct request_ctx *ctx, const char *path, const char *method, const char *data, size_t *size)
{
    switch (ctx->step) {
    case STEP_HEAD:
        return take_head(ctx, path, method);
    case STEP_BODY:
        if (*size)
            return take_body(ctx, data, size);
        start(ctx, path);
        break;
    case STEP_WAITING:
        finish(ctx);
        break;
    case STEP_ANSWERED:
        *size = 0; /* of a body that was refused from its head */
        break;
    }
    return ctx->aborted ? MHD_NO : MHD_YES;
}

void ctx_suspend(struct request_ctx *ctx)
{
    ctx->step = STEP_WAITING;
    ctx->busy = true;
    ctx->asked_us = monotonic_us();
    atomic_fetch_add_explicit(&ctx->service->busy, 1, memory_order_relaxed);
    if (limits_pace(ctx))
        admission_begin(&ctx->service->admission);
    MHD_suspend_connection(ctx->connection);
}

void ctx_called(struct request_ctx *ctx, int code)
{
    if (code != DLG_OK)
        MHD_resume_connection(ctx->connection);
}

void ctx_arrived(dlg_reply *reply, void *payload)
{
    struct request_ctx *ctx = payload;
    ctx->reply = reply;
    MHD_resume_connection(ctx->connection);
}

void ctx_end(struct request_ctx *ctx, bool completed)
{
    ctx->aborted = ctx->aborted || !completed;
    metrics_record(ctx);
    if (service_log_wanted(&ctx->service->log))
        access_log(ctx);
    if (ctx->busy)
        atomic_fetch_sub(&ctx->service->busy, 1);
    if (ctx->busy && limits_pace(ctx))
        admission_abandon(&ctx->service->admission);
    if (ctx->counted)
        atomic_fetch_sub(&ctx->service->active, 1);
    client_idle(&ctx->service->connections, ctx->client);
    if (ctx->secret)
        buffer_wipe(&ctx->body);
    buffer_free(&ctx->body);
    json_decref(ctx->input);
    forget_outcome(ctx); /* of a client that went away while it waited */
    free(ctx);
}
