/* handlers_dialogs.c - /dialog/{user_id}/send and /dialog/{user_id}/list */
#include "routes/handlers.h"

#include "content/message_format.h"
#include "http/input.h"
#include "http/limits.h"
#include "http/reply.h"
#include "live/replicas.h"
#include "routes/dialog_stream.h"

#include <stdio.h>
#include <string.h>

/* Tells those who listen. On the library's thread: also when the client has gone meanwhile, what is stored is told. */
static void tell(struct exchange *exchange, const dlg_receipt *receipt)
{
    exchange->message.id = receipt->id;
    exchange->message.created_us = receipt->created_us;
    if (!receipt->duplicate)
        replicas_publish(exchange->service, &exchange->message);
}

static void send_arrived(dlg_reply *reply, void *payload)
{
    const dlg_receipt *receipt = dlg_reply_receipt(reply);
    if (receipt)
        tell(payload, receipt);
    exchange_arrived(reply, payload);
}

void send_start(struct exchange *exchange)
{
    dlg_message *message = &exchange->message;
    dlg_send_options options = DLG_SEND_OPTIONS_INIT;
    options.flags = DLG_SEND_CHECK_RECIPIENT;
    options.key = exchange_header(exchange, "Idempotency-Key", &options.key_length);
    if (options.key && (options.key_length < 1 || options.key_length > DLG_KEY_LIMIT)) {
        reply_bad(exchange, "an Idempotency-Key has 1 to %d bytes", DLG_KEY_LIMIT);
        return;
    }
    if (!limits_allow_send(exchange))
        return;
    exchange->input = body_read(exchange);
    if (!exchange->input || !body_text(exchange, exchange->input, "text", true, &message->text, &message->length))
        return;
    message->author = exchange->caller;
    message->recipient = exchange->named;
    exchange_suspend(exchange);
    exchange_called(exchange,
                    dlg_send_async(exchange->service->backend.client, &message->author, &message->recipient,
                                   message->text, message->length, &options, send_arrived, exchange, &exchange->error));
}

void send_finish(struct exchange *exchange)
{
    const dlg_receipt *receipt = dlg_reply_receipt(exchange->reply);
    struct text empty = {0}, time = {0};
    struct MHD_Response *response = reply_new(&empty);
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)receipt->id);
    reply_header(response, "Message-Id", id);
    text_add_time(&time, receipt->created_us);
    text_add(&time, "", 1);
    if (!time.failed)
        reply_header(response, "Message-Time", time.data);
    if (receipt->duplicate)
        reply_header(response, "Message-Duplicate", "true");
    text_free(&time);
    reply_send(exchange, 200, response, NULL);
}

/* No paging parameter asks for the whole dialog, the others for one page. */
void list_start(struct exchange *exchange)
{
    struct parameter parameters[] = {{"limit", NULL}, {"before", NULL}, {"after", NULL}};
    dlg_list_options *page = &exchange->page;
    *page = (dlg_list_options)DLG_LIST_OPTIONS_INIT;
    if (!query_read(exchange, parameters, sizeof parameters / sizeof *parameters) ||
        !query_limit(exchange, &parameters[0], &page->limit))
        return;
    page->before = parameters[1].value;
    page->after = parameters[2].value;
    exchange->whole = !parameters[0].value && !page->before && !page->after;
    if (page->before && page->after) {
        reply_bad(exchange, "give \"before\" or \"after\", not both");
        return;
    }
    if (exchange->whole)
        stream_first_page(page);
    exchange_suspend(exchange);
    exchange_called(exchange, dlg_list_async(exchange->service->backend.client, &exchange->caller, &exchange->named,
                                             page, exchange_arrived, exchange, &exchange->error));
}

/* RFC 8288: prev is older, next is newer. A link is there when there is, or may be, more behind it. */
static void add_link(struct text *links, const struct exchange *exchange, const char *direction, const char *cursor,
                     const char *relation)
{
    text_add_string(links, links->length ? ", </dialog/" : "</dialog/");
    text_add_uuid(links, &exchange->named);
    text_add_format(links, "/list?limit=%d&%s=%s>; rel=\"%s\"", exchange->page.limit, direction, cursor, relation);
}

static void page_headers(const struct exchange *exchange, struct MHD_Response *response, const dlg_page *page)
{
    const char *before = exchange->page.before, *after = exchange->page.after;
    bool more = dlg_page_has_more(page);
    struct text links = {0};
    if (after ? *after != '\0' : more)
        add_link(&links, exchange, "before", dlg_page_before(page), "prev");
    if (after ? more : before && *before)
        add_link(&links, exchange, "after", dlg_page_after(page), "next");
    text_add(&links, "", 1);
    if (links.length > 1 && !links.failed)
        reply_header(response, MHD_HTTP_HEADER_LINK, links.data);
    text_free(&links);
    reply_header(response, "Has-More", more ? "true" : "false");
    reply_header(response, "Cursor-Before", dlg_page_before(page));
    reply_header(response, "Cursor-After", dlg_page_after(page));
}

static void page_answer(struct exchange *exchange, const dlg_page *page)
{
    struct text answer = {0};
    messages_add(&answer, page, (struct part){exchange->packed, true, true});
    exchange->answer_length = answer.length;
    struct MHD_Response *response = reply_new(&answer);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (!exchange->whole)
        page_headers(exchange, response, page);
    reply_send(exchange, 200, response, exchange->packed ? MSGPACK_TYPE : JSON_TYPE);
}

void list_finish(struct exchange *exchange)
{
    const dlg_page *page = dlg_reply_page(exchange->reply);
    if (exchange->whole && dlg_page_has_more(page))
        stream_answer(exchange, page);
    else
        page_answer(exchange, page);
}
