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

const char *exchange_header(const struct exchange *exchange, const char *name, size_t *length)
{
    const char *value = NULL;
    size_t size = 0;
    MHD_lookup_connection_value_n(exchange->connection, MHD_HEADER_KIND, name, strlen(name), &value, &size);
    if (length)
        *length = size;
    return value;
}

/* A client's own request id, when it is one that may stand in a log and in a header. */
static bool take_request_id(struct exchange *exchange)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length;
    const char *given = exchange_header(exchange, "X-Request-Id", &length);
    if (!given || !length || length >= REQUEST_ID_SIZE || strspn(given, good) != length)
        return false;
    memcpy(exchange->request_id, given, length + 1);
    return true;
}

/* Behind a proxy the last address is the one that it saw; those before it are what the client says. */
static void take_address(struct exchange *exchange)
{
    const char *given = exchange->service->config.proxied ? exchange_header(exchange, "X-Forwarded-For", NULL) : NULL;
    const char *comma = given ? strrchr(given, ',') : NULL;
    struct in6_addr binary;
    char text[INET6_ADDRSTRLEN];
    if (comma)
        given = comma + 1 + strspn(comma + 1, " ");
    if (!given || snprintf(text, sizeof text, "%s", given) >= (int)sizeof text)
        return;
    if (inet_pton(AF_INET, text, &binary) == 1 || inet_pton(AF_INET6, text, &binary) == 1)
        memcpy(exchange->address, text, sizeof text);
}

static void make_request_id(struct exchange *exchange)
{
    uint_fast64_t number = atomic_fetch_add_explicit(&exchange->service->request_count, 1, memory_order_relaxed);
    snprintf(exchange->request_id, sizeof exchange->request_id, "%s-%llx", exchange->service->request_prefix,
             (unsigned long long)number);
}

static void take_format(struct exchange *exchange)
{
    const char *accept = exchange_header(exchange, MHD_HTTP_HEADER_ACCEPT, NULL);
    exchange->packed = accept && accept_msgpack(accept);
}

/* Whose trace this request is a part of (W3C Trace Context, 3.2): "00-TRACE-SPAN-FLAGS", lower-case digits. */
static void take_trace(struct exchange *exchange)
{
    static const char digits[] = "0123456789abcdef";
    enum { VERSION = 3, LENGTH = VERSION + TRACE_ID_SIZE + SPAN_ID_SIZE + 2 };
    size_t length;
    const char *given = exchange_header(exchange, "traceparent", &length);
    if (!given || length < LENGTH || strspn(given, digits) != 2 || strncmp(given, "ff", 2) == 0)
        return;
    const char *trace = given + VERSION, *span = trace + TRACE_ID_SIZE, *flags = span + SPAN_ID_SIZE;
    bool good = given[2] == '-' && strspn(trace, digits) == TRACE_ID_SIZE - 1 && span[-1] == '-' &&
                strspn(span, digits) == SPAN_ID_SIZE - 1 && flags[-1] == '-' && strspn(flags, digits) == 2 &&
                (length == LENGTH || (strncmp(given, "00", 2) != 0 && flags[2] == '-'));
    if (!good || strspn(trace, "0") == TRACE_ID_SIZE - 1 || strspn(span, "0") == SPAN_ID_SIZE - 1)
        return;
    memcpy(exchange->trace_id, trace, TRACE_ID_SIZE - 1);
    memcpy(exchange->span_id, span, SPAN_ID_SIZE - 1);
}

struct exchange *exchange_new(struct service *service, struct MHD_Connection *connection, const char *uri)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    exchange->service = service;
    exchange->connection = connection;
    exchange->peer = info->socket_context;
    snprintf(exchange->address, sizeof exchange->address, "%s", exchange->peer->address);
    snprintf(exchange->method, sizeof exchange->method, "-");
    exchange->started_us = monotonic_us();
    const char *nul = strstr(uri, "%00");
    exchange->bad_path = nul && nul < uri + strcspn(uri, "?");
    snprintf(exchange->path, sizeof exchange->path, "%.*s", (int)strcspn(uri, "?"), uri);
    return exchange;
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
static bool check_framing(struct exchange *exchange)
{
    unsigned count = 0;
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_framing, &count);
    if (count > 1)
        reply_bad(exchange, "send one Content-Length or one Transfer-Encoding");
    return count <= 1;
}

static bool check_length(struct exchange *exchange)
{
    const char *text = exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH, NULL);
    uint64_t length = text ? strtoull(text, NULL, 10) : 0;
    uint64_t limit = (uint64_t)exchange->service->config.body_limit;
    if (length && length <= limit)
        text_reserve(&exchange->body, (size_t)length);
    if (length <= limit + DISCARD_LIMIT)
        return true;
    reply_error(exchange, 413, DLG_E_TOO_LARGE, "the body is longer than %llu bytes", (unsigned long long)limit);
    return false;
}

static enum MHD_Result take_head(struct exchange *exchange, const char *path, const char *method)
{
    snprintf(exchange->method, sizeof exchange->method, "%s", method);
    exchange->step = STEP_BODY;
    exchange->counted = true;
    atomic_fetch_add(&exchange->service->active, 1);
    if (!take_request_id(exchange))
        make_request_id(exchange);
    take_format(exchange);
    take_trace(exchange);
    take_address(exchange);
    if (!exchange->bad_path)
        router_match(method, path, &exchange->match);
    exchange->secret = exchange->match.route && !(exchange->match.route->needs & NEEDS_TOKEN);
    if (check_framing(exchange))
        check_length(exchange);
    return exchange->aborted ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_body(struct exchange *exchange, const char *data, size_t *size)
{
    uint64_t limit = (uint64_t)exchange->service->config.body_limit;
    const struct route *route = exchange->match.route;
    bool wanted = route && (route->needs & NEEDS_BODY);
    exchange->body_length += *size;
    if (exchange->body_length > limit + DISCARD_LIMIT)
        return MHD_NO; /* libmicrohttpd takes no answer in the midst of a body */
    if (wanted && exchange->body_length <= limit)
        text_add(&exchange->body, data, *size);
    *size = 0;
    return MHD_YES;
}

/* ---- Checks before a route starts; each answers and returns false when it refuses ---- */

static bool check_route(struct exchange *exchange, const char *path)
{
    if (exchange->match.route)
        return true;
    bool known = exchange->match.allow[0] != '\0';
    if (!known && !exchange->bad_path && pages_answer(exchange, path))
        return false;
    if (!known)
        reply_error(exchange, 404, 404, "there is nothing here; /swagger/index.html shows the calls");
    else if (strcmp(exchange->method, MHD_HTTP_METHOD_OPTIONS) == 0)
        reply_options(exchange);
    else
        reply_error(exchange, 405, 405, "this path takes %s", exchange->match.allow);
    return false;
}

static bool check_token(struct exchange *exchange)
{
    static const char scheme[] = "Bearer ";
    size_t length;
    const char *value = exchange_header(exchange, MHD_HTTP_HEADER_AUTHORIZATION, &length);
    if (!value || strncasecmp(value, scheme, sizeof scheme - 1) != 0) {
        reply_error(exchange, 401, DLG_E_TOKEN,
                    "send the header \"Authorization: Bearer TOKEN\" with a token from /login");
        return false;
    }
    const char *token = value + sizeof scheme - 1;
    token += strspn(token, " ");
    dlg_error *error = NULL;
    int code = dlg_token_verify(exchange->service->backend.client, token, length - (size_t)(token - value),
                                &exchange->caller, &exchange->expires_us, &error);
    if (code == DLG_OK)
        exchange->token = token_name(token, length - (size_t)(token - value));
    if (code != DLG_OK)
        reply_failure(exchange, error);
    else if (tokens_are_revoked(&exchange->service->tokens, &exchange->token))
        reply_error(exchange, 401, DLG_E_TOKEN, "this token was given back with /logout; get another from /login");
    else
        exchange->has_caller = true;
    dlg_error_free(error);
    return exchange->has_caller;
}

static bool check_accept(struct exchange *exchange)
{
    const char *accept = exchange_header(exchange, MHD_HTTP_HEADER_ACCEPT, NULL);
    bool events = exchange->match.route->needs & GIVES_EVENTS;
    if (!accept || (exchange->match.route->needs & GIVES_TEXT) ||
        (events ? accept_events(accept) : exchange->packed || accept_json(accept)))
        return true;
    if (events)
        reply_error(exchange, 406, 406, "this is a stream of events; send \"Accept: text/event-stream\" or none");
    else
        reply_error(
            exchange, 406, 406,
            "answers are JSON or msgpack; send \"Accept: application/json\", \"application/vnd.msgpack\" or none");
    return false;
}

static bool check_body(struct exchange *exchange)
{
    const char *type = exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE, NULL);
    const char *coding = exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_ENCODING, NULL);
    if (exchange->body_length > (uint64_t)exchange->service->config.body_limit)
        reply_error(exchange, 413, DLG_E_TOO_LARGE, "the body is longer than %lld bytes",
                    (long long)exchange->service->config.body_limit);
    else if (type && !content_is_json(type) && !content_is_msgpack(type))
        reply_error(
            exchange, 415, 415,
            "send the body as JSON in UTF-8, with \"Content-Type: application/json\", or as application/vnd.msgpack");
    else if (coding && strcasecmp(coding, "identity") != 0)
        reply_error(exchange, 415, 415, "send the body without Content-Encoding");
    else if (exchange->body.failed)
        reply_error(exchange, 503, DLG_E_MEMORY, "out of memory; try again after the time in Retry-After");
    else
        return true;
    return false;
}

static bool check_path(struct exchange *exchange)
{
    const struct match *match = &exchange->match;
    if (!match->parameter || dlg_uuid_parse(match->parameter, match->parameter_length, &exchange->named) == DLG_OK)
        return true;
    reply_bad(exchange, "the id in the path is not a UUID such as 387ac1c1-6581-4ace-a113-707c8585fe28");
    return false;
}

static bool check_database(struct exchange *exchange)
{
    if (atomic_load_explicit(&exchange->service->backend.installed, memory_order_relaxed))
        return true;
    reply_error(exchange, 503, DLG_E_UNAVAILABLE,
                "the service waits for its database; try again after the time in Retry-After");
    return false;
}

/* ---- From the whole request to the answer ---- */

static void start_route(struct exchange *exchange)
{
    const struct route *route = exchange->match.route;
    if ((route->needs & NEEDS_DATABASE) && !limits_allow_load(exchange))
        return;
    if ((route->needs & NEEDS_TOKEN) && !check_token(exchange))
        return;
    if (!check_accept(exchange))
        return;
    if ((route->needs & NEEDS_BODY) && !check_body(exchange))
        return;
    if (!check_path(exchange))
        return;
    if ((route->needs & NEEDS_DATABASE) && !check_database(exchange))
        return;
    route->start(exchange);
}

static void start(struct exchange *exchange, const char *path)
{
    peer_busy(exchange->peer);
    if (!check_route(exchange, path))
        return;
    if (!backend_enter(&exchange->service->backend)) {
        reply_error(exchange, 503, DLG_E_CLOSED, "the service is stopping; try again after the time in Retry-After");
        return;
    }
    start_route(exchange);
    backend_leave(&exchange->service->backend);
}

static void forget_outcome(struct exchange *exchange)
{
    dlg_reply_free(exchange->reply);
    dlg_error_free(exchange->error);
    exchange->reply = NULL;
    exchange->error = NULL;
}

static void finish(struct exchange *exchange)
{
    exchange->busy = false;
    atomic_fetch_sub_explicit(&exchange->service->busy, 1, memory_order_relaxed);
    if (limits_pace(exchange))
        overload_end(&exchange->service->overload, monotonic_us() - exchange->asked_us);
    const dlg_error *error = exchange->reply ? dlg_reply_error(exchange->reply) : exchange->error;
    if (error)
        reply_failure(exchange, error);
    else
        exchange->match.route->finish(exchange);
    forget_outcome(exchange);
}

enum MHD_Result exchange_run(struct exchange *exchange, const char *path, const char *method, const char *data,
                             size_t *size)
{
    switch (exchange->step) {
    case STEP_HEAD:
        return take_head(exchange, path, method);
    case STEP_BODY:
        if (*size)
            return take_body(exchange, data, size);
        start(exchange, path);
        break;
    case STEP_WAITING:
        finish(exchange);
        break;
    case STEP_ANSWERED:
        *size = 0; /* of a body that was refused from its head */
        break;
    }
    return exchange->aborted ? MHD_NO : MHD_YES;
}

void exchange_suspend(struct exchange *exchange)
{
    exchange->step = STEP_WAITING;
    exchange->busy = true;
    exchange->asked_us = monotonic_us();
    atomic_fetch_add_explicit(&exchange->service->busy, 1, memory_order_relaxed);
    if (limits_pace(exchange))
        overload_begin(&exchange->service->overload);
    MHD_suspend_connection(exchange->connection);
}

void exchange_called(struct exchange *exchange, int code)
{
    if (code != DLG_OK)
        MHD_resume_connection(exchange->connection);
}

void exchange_arrived(dlg_reply *reply, void *payload)
{
    struct exchange *exchange = payload;
    exchange->reply = reply;
    MHD_resume_connection(exchange->connection);
}

void exchange_end(struct exchange *exchange, bool completed)
{
    exchange->aborted = exchange->aborted || !completed;
    metrics_count(exchange);
    if (log_wanted(&exchange->service->log))
        access_log(exchange);
    if (exchange->busy)
        atomic_fetch_sub(&exchange->service->busy, 1);
    if (exchange->busy && limits_pace(exchange))
        overload_abandon(&exchange->service->overload);
    if (exchange->counted)
        atomic_fetch_sub(&exchange->service->active, 1);
    peer_idle(&exchange->service->peers, exchange->peer);
    if (exchange->secret)
        text_wipe(&exchange->body);
    text_free(&exchange->body);
    json_decref(exchange->input);
    forget_outcome(exchange); /* of a client that went away while it waited */
    free(exchange);
}
