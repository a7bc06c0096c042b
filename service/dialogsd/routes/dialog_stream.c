#include "routes/dialog_stream.h"

#include "content/message_format.h"
#include "http/reply.h"

#include <stdlib.h>
#include <string.h>

/*
 * A page aims at DLG_PAGE_BYTES, whatever the length of the texts. BLOCK_BYTES of it are written at a time.
 * STREAM_BYTES: a page that is being sent, and the one after it.
 */
enum {
    FIRST_MESSAGES = 100,
    FEWEST_MESSAGES = 4,
    MOST_MESSAGES = 500,
    BLOCK_BYTES = 16 * 1024,
    STREAM_BYTES = 1024 * 1024
};

enum coming { NOTHING, UNDER_WAY, ARRIVED };

struct stream {
    pthread_mutex_t lock;    /* over `coming`, `next`, `waiting`, `abandoned` */
    enum coming coming;      /* the page after the one that is being sent */
    dlg_reply *next;         /* ARRIVED: it */
    bool waiting;            /* the connection is suspended until it arrives */
    bool abandoned;          /* the answer is over; the callback has to free the stream */
    struct request_ctx *ctx; /* ends after the answer does */
    dlg_reply *reply;        /* has the page that is being sent; NULL when all of it was written */
    struct page_place place; /* what is written of it */
    struct text_buffer text; /* what is being sent */
    size_t sent;             /* of it */
    int32_t messages;        /* to be asked for */
    bool last;               /* the page ends the answer */
};

void stream_first_page(dlg_list_options *options)
{
    options->limit = FIRST_MESSAGES;
    options->after = "";
}

static void stream_free(struct stream *stream)
{
    dlg_reply_free(stream->next);
    dlg_reply_free(stream->reply);
    buffer_free(&stream->text);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* The library's callback. Once the connection is resumed the stream may be gone. */
static void page_arrived(dlg_reply *reply, void *payload)
{
    struct stream *stream = payload;
    pthread_mutex_lock(&stream->lock);
    stream->next = reply;
    stream->coming = ARRIVED;
    bool waiting = stream->waiting, abandoned = stream->abandoned;
    struct MHD_Connection *connection = waiting ? stream->ctx->connection : NULL;
    stream->waiting = false;
    pthread_mutex_unlock(&stream->lock);
    if (abandoned)
        stream_free(stream);
    else if (waiting)
        MHD_resume_connection(connection);
}

static bool fetch(struct stream *stream, const char *after)
{
    struct request_ctx *ctx = stream->ctx;
    struct backend *backend = &ctx->service->backend;
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = stream->messages;
    options.after = after;
    if (!backend_enter(backend))
        return false;
    stream->coming = UNDER_WAY;
    int code = dlg_list_async(backend->client, &ctx->caller, &ctx->named, &options, page_arrived, stream, NULL);
    backend_leave(backend);
    if (code != DLG_OK)
        stream->coming = NOTHING;
    return code == DLG_OK;
}

static size_t page_bytes(const dlg_page *page)
{
    enum { MESSAGE_BYTES = 128 };
    size_t bytes = 0;
    for (size_t i = 0; i < dlg_page_count(page); i++)
        bytes += dlg_page_at(page, i)->length + MESSAGE_BYTES;
    return bytes;
}

/* Takes a page, and asks for what is behind it. False when that cannot be had. */
static bool take_page(struct stream *stream, dlg_reply *reply, bool first)
{
    const dlg_page *page = dlg_reply_page(reply);
    stream->reply = reply;
    stream->last = !stream->ctx->whole || !dlg_page_has_more(page);
    stream->place = (struct page_place){.packed = stream->ctx->packed, .first = first, .last = stream->last};
    size_t each = page_bytes(page) / (dlg_page_count(page) + 1) + 1;
    size_t fitting = DLG_PAGE_BYTES / each;
    stream->messages = fitting < FEWEST_MESSAGES ? FEWEST_MESSAGES
                       : fitting > MOST_MESSAGES ? MOST_MESSAGES
                                                 : (int32_t)fitting;
    return stream->last || fetch(stream, dlg_page_after(page));
}

/* The next page when it is there; else suspends the connection. False when the dialog cannot be read on. */
static bool turn_page(struct stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    dlg_reply *reply = stream->coming == ARRIVED ? stream->next : NULL;
    if (reply) {
        stream->next = NULL;
        stream->coming = NOTHING;
    } else {
        stream->waiting = true;
        MHD_suspend_connection(stream->ctx->connection);
    }
    pthread_mutex_unlock(&stream->lock);
    if (!reply)
        return true;
    if (dlg_reply_page(reply))
        return take_page(stream, reply, false);
    stream->ctx->failure = dlg_reply_code(reply);
    dlg_reply_free(reply);
    return false;
}

/* Makes more of the answer out of the page. False: out of memory. */
static bool write_block(struct stream *stream)
{
    stream->text.length = stream->sent = 0;
    if (messages_add_some(&stream->text, dlg_reply_page(stream->reply), BLOCK_BYTES, &stream->place)) {
        dlg_reply_free(stream->reply);
        stream->reply = NULL;
    }
    return !stream->text.failed;
}

/* MHD_ContentReaderCallback: 0 means that the connection was suspended. */
static ssize_t read_stream(void *payload, uint64_t position, char *to, size_t room)
{
    (void)position;
    struct stream *stream = payload;
    while (stream->sent == stream->text.length) {
        if (!stream->reply && stream->last)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (!stream->reply && !turn_page(stream))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (!stream->reply)
            return 0;
        if (!write_block(stream))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t length = buffer_read(&stream->text, &stream->sent, to, room);
    stream->ctx->answer_length += length;
    return (ssize_t)length;
}

/* MHD_ContentReaderFreeCallback: the answer is over, sent or not. */
static void end_stream(void *payload)
{
    struct stream *stream = payload;
    pthread_mutex_lock(&stream->lock);
    stream->abandoned = stream->coming == UNDER_WAY;
    bool abandoned = stream->abandoned;
    pthread_mutex_unlock(&stream->lock);
    if (!abandoned)
        stream_free(stream);
}

bool stream_is_due(const struct request_ctx *ctx, const dlg_page *page)
{
    return (ctx->whole && dlg_page_has_more(page)) || page_bytes(page) > BLOCK_BYTES;
}

static struct stream *stream_new(struct request_ctx *ctx)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    pthread_mutex_init(&stream->lock, NULL);
    stream->ctx = ctx;
    return stream;
}

/* The pages that come later are not refused: there is room for them from the beginning. */
static bool take_memory(struct request_ctx *ctx)
{
    size_t held = ctx->memory.bytes;
    return !ctx->whole || held >= STREAM_BYTES || memory_take(&ctx->memory, STREAM_BYTES - held);
}

struct MHD_Response *stream_response(struct request_ctx *ctx)
{
    struct stream *stream = take_memory(ctx) ? stream_new(ctx) : NULL;
    if (!stream)
        return NULL;
    dlg_reply *first = ctx->reply;
    ctx->reply = NULL;
    if (!take_page(stream, first, true)) {
        end_stream(stream);
        return NULL;
    }
    struct MHD_Response *response = response_stream(ctx->method, BLOCK_BYTES, read_stream, stream, end_stream);
    if (!response)
        end_stream(stream);
    response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return response;
}
