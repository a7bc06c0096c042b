#include "routes/api_docs.h"

#include "http/reply.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "/swagger/"
#define INDEX "index.html"

/* Nothing is loaded from anywhere else; the page styles itself from its script. */
#define POLICY                                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* Relative, so that a proxy may serve us under a prefix. */
static const char *redirection(const char *path)
{
    if (strcmp(path, "/") == 0 || strcmp(path, "/swagger") == 0)
        return "swagger/" INDEX;
    return strcmp(path, PREFIX) == 0 ? INDEX : NULL;
}

static void send_page(struct request_ctx *ctx, const struct static_file *page)
{
    const char *known = ctx_header(ctx, MHD_HTTP_HEADER_IF_NONE_MATCH, NULL);
    bool same = known && strstr(known, page->etag);
    ctx->answer_length = same ? 0 : page->length;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(same ? 0 : page->length, page->data, MHD_RESPMEM_PERSISTENT);
    response_header(response, MHD_HTTP_HEADER_ETAG, page->etag);
    response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    response_header(response, "Content-Security-Policy", POLICY);
    response_header(response, "Referrer-Policy", "no-referrer");
    reply_send(ctx, same ? 304 : 200, response, page->type);
}

static void redirect(struct request_ctx *ctx, const char *url)
{
    struct text_buffer empty = {0};
    struct MHD_Response *response = response_new(&empty);
    response_header(response, MHD_HTTP_HEADER_LOCATION, url);
    reply_send(ctx, 302, response, NULL);
}

bool api_docs_answer(struct request_ctx *ctx, const char *path)
{
    const char *url = redirection(path);
    bool below = strncmp(path, PREFIX, sizeof PREFIX - 1) == 0;
    const struct static_file *page =
        below ? static_files_find(&ctx->service->static_files, path + sizeof PREFIX - 1) : NULL;
    if (!url && !page)
        return false;
    bool reads = strcmp(ctx->method, "GET") == 0 || strcmp(ctx->method, "HEAD") == 0;
    snprintf(ctx->match.allow, sizeof ctx->match.allow, "GET, HEAD, OPTIONS");
    if (strcmp(ctx->method, "OPTIONS") == 0)
        reply_options(ctx);
    else if (!reads)
        reply_error(ctx, 405, 405, "this path takes GET, HEAD, OPTIONS");
    else if (url)
        redirect(ctx, url);
    else
        send_page(ctx, page);
    return true;
}
