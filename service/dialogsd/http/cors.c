#include "http/cors.h"

#include "http/response.h"
#include "ops/origins.h"

#include <string.h>

enum { REQUESTED_MOST = 1024 };

/* The origin, when it is allowed; else NULL. */
static const char *allowed_origin(const struct request_ctx *ctx)
{
    const char *list = ctx->service->config.cors;
    const char *origin = list && *list ? ctx_header(ctx, MHD_HTTP_HEADER_ORIGIN, NULL) : NULL;
    return origin && origins_contain(list, origin) ? origin : NULL;
}

void cors_answer(const struct request_ctx *ctx, struct MHD_Response *response)
{
    const char *list = ctx->service->config.cors;
    if (!list || !*list)
        return;
    bool all = strcmp(list, "*") == 0;
    const char *origin = allowed_origin(ctx);
    if (!all)
        response_header(response, MHD_HTTP_HEADER_VARY, "Origin");
    if (!origin)
        return;
    response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, all ? "*" : origin);
    response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_EXPOSE_HEADERS,
                    "X-Request-Id, Message-Id, Message-Time, Message-Duplicate, Link, Has-More, Cursor-Before, "
                    "Cursor-After, Retry-After");
}

/* A list of names of headers, as browsers send it, short enough to be sent back. */
static bool is_list_of_names(const char *text, size_t length)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~, ";
    return length && length <= REQUESTED_MOST && strspn(text, good) == length;
}

/*
 * The headers that the page wants to send. The service has no use for most of them, and no harm: traces, caches and
 * monitors add their own, and a page whose request has one that is not allowed gets no answer at all.
 */
static const char *allowed_headers(const struct request_ctx *ctx)
{
    size_t length;
    const char *requested = ctx_header(ctx, "Access-Control-Request-Headers", &length);
    return requested && is_list_of_names(requested, length)
               ? requested
               : "Authorization, Content-Type, Accept, Idempotency-Key, Last-Event-ID, X-Request-Id, traceparent";
}

void cors_preflight(const struct request_ctx *ctx, struct MHD_Response *response)
{
    if (!allowed_origin(ctx) || !ctx_header(ctx, "Access-Control-Request-Method", NULL))
        return;
    response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, ctx->match.allow);
    response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(ctx));
    response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE, "600");
}
