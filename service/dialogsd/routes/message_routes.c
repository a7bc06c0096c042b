#include "routes/message_routes.h"

#include "content/message_format.h"
#include "http/input.h"
#include "http/library_call.h"
#include "http/limits.h"
#include "http/reply.h"
#include "live/replicas.h"
#include "routes/dialog_stream.h"

#include <stdio.h>
#include <string.h>

/*
 * Tells those who listen. On the library's thread: also when the client has gone meanwhile, what is stored is told.
 * Also of a duplicate, since the answer to the first send may have been lost, and its news with it: streams know what
 * they have shown.
 */
static void tell(struct request_ctx *ctx, const dlg_receipt *receipt)
{
    ctx->message.id = receipt->id;
    ctx->message.created_us = receipt->created_us;
    replicas_publish(&ctx->service->replicas, &ctx->message);
}

static void send_arrived(dlg_reply *reply, void *payload)
{
    const dlg_receipt *receipt = dlg_reply_receipt(reply);
    if (receipt)
        tell(payload, receipt);
    call_arrived(reply, payload);
}

void message_send_start(struct request_ctx *ctx)
{
    dlg_message *message = &ctx->message;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.flags = DLG_SEND_CHECK_RECIPIENT;
    options.key = ctx_header(ctx, "Idempotency-Key", &options.key_length);
    if (options.key && (options.key_length < 1 || options.key_length > DLG_KEY_LIMIT)) {
        reply_bad(ctx, "an Idempotency-Key has 1 to %d bytes", DLG_KEY_LIMIT);
        return;
    }
    if (!limits_allow_send(ctx))
        return;
    ctx->input = body_read(ctx);
    if (!ctx->input || !body_text(ctx, ctx->input, "text", true, &message->text, &message->length))
        return;
    buffer_free(&ctx->body); /* the text stands in `input` */
    message->author = ctx->caller;
    message->recipient = ctx->named;
    call_begin(ctx);
    call_submitted(ctx, dlg_send_async(ctx->service->backend.client, &message->author, &message->recipient,
                                       message->text, message->length, &options, send_arrived, ctx, &ctx->error));
}

void message_send_finish(struct request_ctx *ctx)
{
    const dlg_receipt *receipt = dlg_reply_receipt(ctx->reply);
    struct text_buffer empty = {0}, time = {0};
    struct MHD_Response *response = response_new(&empty);
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)receipt->id);
    response_header(response, "Message-Id", id);
    buffer_add_time(&time, receipt->created_us);
    buffer_add(&time, "", 1);
    if (!time.failed)
        response_header(response, "Message-Time", time.data);
    if (receipt->duplicate)
        response_header(response, "Message-Duplicate", "true");
    buffer_free(&time);
    reply_send(ctx, 200, response, NULL);
}

/* Of a page of usual texts. */
enum { LIST_ROOM = 32 * 1024 };

/* No paging parameter asks for the whole dialog, the others for one page. */
void message_list_start(struct request_ctx *ctx)
{
    struct parameter parameters[] = {{"limit", NULL}, {"before", NULL}, {"after", NULL}};
    dlg_list_options *page = &ctx->page;
    *page = (dlg_list_options)DLG_LIST_OPTIONS_INIT;
    if (!query_read(ctx, parameters, sizeof parameters / sizeof *parameters) ||
        !query_limit(ctx, &parameters[0], &page->limit))
        return;
    page->before = parameters[1].value;
    page->after = parameters[2].value;
    ctx->whole = !parameters[0].value && !page->before && !page->after;
    if (page->before && page->after) {
        reply_bad(ctx, "give \"before\" or \"after\", not both");
        return;
    }
    if (!memory_has_room(&ctx->memory, LIST_ROOM)) { /* said before the database has read it */
        reply_no_memory(ctx);
        return;
    }
    if (ctx->whole)
        stream_first_page(page);
    call_begin(ctx);
    call_submitted(ctx, dlg_list_async(ctx->service->backend.client, &ctx->caller, &ctx->named, page, call_arrived, ctx,
                                       &ctx->error));
}

/*
 * RFC 8288: prev is older, next is newer. A link is there when there is, or may be, more behind it. It is relative to
 * the path that was asked for, to which a proxy may have added a prefix.
 */
static void add_link(struct text_buffer *links, const struct request_ctx *ctx, const char *direction,
                     const char *cursor, const char *relation)
{
    const char *list = ctx->match.slash ? "../list" : "list";
    buffer_add_format(links, "%s<%s?limit=%d&%s=%s>; rel=\"%s\"", links->length ? ", " : "", list, ctx->page.limit,
                      direction, cursor, relation);
}

static void page_headers(const struct request_ctx *ctx, struct MHD_Response *response, const dlg_page *page)
{
    const char *before = ctx->page.before, *after = ctx->page.after;
    bool more = dlg_page_has_more(page);
    struct text_buffer links = {0};
    if (after ? *after != '\0' : more)
        add_link(&links, ctx, "before", dlg_page_before(page), "prev");
    if (after ? more : before && *before)
        add_link(&links, ctx, "after", dlg_page_after(page), "next");
    buffer_add(&links, "", 1);
    if (links.length > 1 && !links.failed)
        response_header(response, MHD_HTTP_HEADER_LINK, links.data);
    buffer_free(&links);
    response_header(response, "Has-More", more ? "true" : "false");
    response_header(response, "Cursor-Before", dlg_page_before(page));
    response_header(response, "Cursor-After", dlg_page_after(page));
}

static struct MHD_Response *short_response(struct request_ctx *ctx, const dlg_page *page)
{
    struct text_buffer answer = {0};
    struct page_place place = {.packed = ctx->packed, .first = true, .last = true};
    messages_add_some(&answer, page, SIZE_MAX, &place);
    ctx->answer_length = answer.length;
    struct MHD_Response *response = response_new(&answer);
    response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return response;
}

void message_list_finish(struct request_ctx *ctx)
{
    const dlg_page *page = dlg_reply_page(ctx->reply);
    struct MHD_Response *response = stream_is_due(ctx, page) ? stream_response(ctx) : short_response(ctx, page);
    if (!response) {
        reply_no_memory(ctx);
        return;
    }
    if (!ctx->whole)
        page_headers(ctx, response, page);
    reply_send(ctx, 200, response, ctx->packed ? MSGPACK_TYPE : JSON_TYPE);
}
