#include "http/request_checks.h"

#include "content/media_types.h"
#include "http/event_ticket.h"
#include "http/input.h"
#include "http/library_call.h"
#include "http/limits.h"
#include "http/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- The head ---- */

bool check_listener(const struct request_ctx *ctx)
{
    unsigned needs = ctx->match.route ? ctx->match.route->needs : 0;
    return ctx->client->admin ? (needs & FOR_OPERATORS) != 0 : !(needs & NOT_FOR_ALL) || !ctx->service->has_operators;
}

uint64_t body_limit(const struct request_ctx *ctx)
{
    uint64_t limit = (uint64_t)ctx->service->config.body_limit;
    bool small = ctx->match.route && (ctx->match.route->needs & SMALL_BODY);
    return small && SMALL_BODY_LIMIT < limit ? SMALL_BODY_LIMIT : limit;
}

bool check_length(struct request_ctx *ctx)
{
    const char *text = ctx_header(ctx, MHD_HTTP_HEADER_CONTENT_LENGTH, NULL);
    uint64_t length = text ? strtoull(text, NULL, 10) : 0;
    uint64_t limit = body_limit(ctx);
    if (length <= limit + DISCARD_LIMIT)
        return true;
    reply_error(ctx, 413, DLG_E_TOO_LARGE, "the body is longer than %llu bytes", (unsigned long long)limit);
    return false;
}

/* ---- The whole request ---- */

bool check_route(struct request_ctx *ctx, const char *path)
{
    if (ctx->match.route)
        return true;
    bool known = ctx->match.allow[0] != '\0';
    if (!known && !ctx->bad_path && !ctx->client->admin && ctx->service->routes->other(ctx, path))
        return false;
    if (!known)
        reply_error(ctx, 404, 404, "there is nothing here; /swagger/index.html shows the calls");
    else if (strcmp(ctx->method, MHD_HTTP_METHOD_OPTIONS) == 0)
        reply_options(ctx);
    else
        reply_error(ctx, 405, 405, "this path takes %s", ctx->match.allow);
    return false;
}

void head_token_read(struct request_ctx *ctx)
{
    size_t length;
    const char *token = ctx_token(ctx, &length);
    if (!token || !backend_enter(&ctx->service->backend))
        return;
    ctx->has_caller = dlg_token_verify(&ctx->caller, &ctx->expires_us, ctx->service->backend.client, token, length,
                                       &ctx->token_error) == DLG_OK;
    backend_leave(&ctx->service->backend);
    if (!ctx->has_caller)
        return;
    ctx->token = token_hash(token, length);
    memory_holding_for(&ctx->memory, SHARE_USER, &ctx->caller, sizeof ctx->caller);
}

/* Asks the database whether the token has ended before its time; the request goes on with the answer. */
static void ask_about_token(struct request_ctx *ctx, const char *token, size_t length)
{
    call_begin(ctx);
    ctx->step = STEP_CHECKING;
    call_submitted(ctx,
                   dlg_token_check_async(ctx->service->backend.client, token, length, call_arrived, ctx, &ctx->error));
}

/* Who only wants to be rid of the token need not wait for the database. */
static bool token_is_fresh(const struct request_ctx *ctx, const char *token, size_t length)
{
    return ctx->token_checked || !(ctx->match.route->needs & NEEDS_DATABASE) ||
           dlg_token_fresh(ctx->service->backend.client, token, length);
}

static bool check_token(struct request_ctx *ctx)
{
    size_t length;
    const char *token = ctx_token(ctx, &length);
    bool revoked = ctx->has_caller && revoked_tokens_contain(&ctx->service->revoked_tokens, &ctx->token);
    bool fresh = ctx->has_caller && !revoked && token_is_fresh(ctx, token, length);
    if (ctx->token_error)
        reply_failure(ctx, ctx->token_error);
    else if (!ctx->has_caller)
        reply_error(ctx, 401, DLG_E_TOKEN, "send the header \"Authorization: Bearer TOKEN\" with a token from /login");
    else if (revoked)
        reply_error(ctx, 401, DLG_E_TOKEN, "this token was revoked by /logout; get another from /login");
    else if (!fresh)
        ask_about_token(ctx, token, length);
    return fresh;
}

/* A stream may be opened with a ticket, where no header can be sent. */
static bool check_caller(struct request_ctx *ctx)
{
    const char *ticket = NULL;
    if ((ctx->match.route->needs & GIVES_EVENTS) && !ctx_header(ctx, MHD_HTTP_HEADER_AUTHORIZATION, NULL))
        ticket = MHD_lookup_connection_value(ctx->connection, MHD_GET_ARGUMENT_KIND, "ticket");
    if (!ticket)
        return check_token(ctx);
    if (!event_ticket_check(ctx, ticket))
        return false;
    memory_holding_for(&ctx->memory, SHARE_USER, &ctx->caller, sizeof ctx->caller);
    return true;
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
    if (ctx->body_length > body_limit(ctx))
        reply_error(ctx, 413, DLG_E_TOO_LARGE, "the body is longer than %llu bytes",
                    (unsigned long long)body_limit(ctx));
    else if (type && !content_is_json(type) && !content_is_msgpack(type))
        reply_error(
            ctx, 415, 415,
            "send the body as JSON in UTF-8, with \"Content-Type: application/json\", or as application/vnd.msgpack");
    else if (coding && strcasecmp(coding, "identity") != 0)
        reply_error(ctx, 415, 415, "send the body without Content-Encoding");
    else if (ctx->body.failed || ctx->no_memory)
        reply_no_memory(ctx);
    else
        return true;
    return false;
}

static bool check_path(struct request_ctx *ctx)
{
    const struct match *match = &ctx->match;
    if (!match->parameter || dlg_uuid_parse(&ctx->named, match->parameter, match->parameter_length) == DLG_OK)
        return true;
    reply_bad(ctx, "the id in the path is not a UUID such as 387ac1c1-6581-4ace-a113-707c8585fe28");
    return false;
}

/* A call without parameters takes none. The operator's calls answer whatever a monitor adds. */
static bool check_query(struct request_ctx *ctx)
{
    unsigned needs = ctx->match.route->needs;
    return (needs & TAKES_QUERY) || !(needs & (NEEDS_TOKEN | NEEDS_BODY | NEEDS_DATABASE)) || query_read(ctx, NULL, 0);
}

static bool check_database(struct request_ctx *ctx)
{
    if (atomic_load_explicit(&ctx->service->backend.installed, memory_order_relaxed))
        return true;
    reply_error(ctx, 503, DLG_E_UNAVAILABLE,
                "the service waits for its database; try again after the time in Retry-After");
    return false;
}

bool check_needs(struct request_ctx *ctx)
{
    const struct route *route = ctx->match.route;
    if ((route->needs & NEEDS_DATABASE) && !limits_allow_load(ctx))
        return false;
    if ((route->needs & NEEDS_TOKEN) && !check_caller(ctx))
        return false;
    if (!check_accept(ctx))
        return false;
    if ((route->needs & NEEDS_BODY) && !check_body(ctx))
        return false;
    if (!check_path(ctx) || !check_query(ctx))
        return false;
    return !(route->needs & NEEDS_DATABASE) || check_database(ctx);
}
