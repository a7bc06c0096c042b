#include "http/cors.h"

#include "http/response.h"

#include <string.h>

/* Whether `origin` is one of the list "https://a.example,https://b.example", or the list is "*". */
static bool is_allowed(const char *list, const char *origin)
{
    size_t length = strlen(origin);
    if (strcmp(list, "*") == 0)
        return true;
    while (*list) {
        size_t each = strcspn(list, ",");
        if (each == length && memcmp(list, origin, length) == 0)
            return true;
        list += each + (list[each] == ',');
    }
    return false;
}

/* The origin, when it is allowed; else NULL. */
static const char *allowed_origin(const struct request_ctx *ctx)
{
    const char *list = ctx->service->config.cors;
    const char *origin = list && *list ? ctx_header(ctx, MHD_HTTP_HEADER_ORIGIN, NULL) : NULL;
    return origin && is_allowed(list, origin) ? origin : NULL;
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

void cors_preflight(const struct request_ctx *ctx, struct MHD_Response *response)
{
    if (!allowed_origin(ctx) || !ctx_header(ctx, "Access-Control-Request-Method", NULL))
        return;
    response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, ctx->match.allow);
    response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS,
                    "Authorization, Content-Type, Accept, Idempotency-Key, Last-Event-ID, X-Request-Id, traceparent");
    response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE, "600");
}
