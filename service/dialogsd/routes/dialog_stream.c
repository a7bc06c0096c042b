#include "routes/dialog_stream.h"

#include "content/message_format.h"
#include "http/reply.h"

#include <stdlib.h>
#include <string.h>

/* A page aims at PAGE_BYTES of answer, whatever the length of the texts. */
enum { FIRST_MESSAGES = 100, FEWEST_MESSAGES = 4, PAGE_BYTES = 256 * 1024, BLOCK_BYTES = 32 * 1024 };

enum coming { NOTHING, UNDER_WAY, ARRIVED };

struct stream {
    pthread_mutex_t lock;    /* over `coming`, `next`, `waiting`, `abandoned` */
    enum coming coming;      /* the page after the one that is being sent */
    dlg_reply *next;         /* ARRIVED: it */
    bool waiting;            /* the connection is suspended until it arrives */
    bool abandoned;          /* the answer is over; the callback has to free the stream */
    struct request_ctx *ctx; /* ends after the answer does */
    struct text_buffer text; /* what is being sent */
    size_t sent;             /* of it */
    int32_t messages;        /* to be asked for */
    bool last;               /* `text` ends the answer */
};

void stream_first_page(dlg_list_options *options)
{
    options->limit = FIRST_MESSAGES;
    options->after = "";
}

static void stream_free(struct stream *stream)
{
    dlg_reply_free(stream->next);
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

/* Takes a page: writes it, and asks for what is behind it. False when that cannot be had. */
static bool take_page(struct stream *stream, const dlg_page *page, bool first)
{
    stream->text.length = 0;
    stream->sent = 0;
    stream->last = !dlg_page_has_more(page);
    messages_add(&stream->text, page, (struct part){stream->ctx->packed, first, stream->last});
    if (stream->text.failed)
        return false;
    size_t each = stream->text.length / (dlg_page_count(page) + 1) + 1;
    size_t fitting = PAGE_BYTES / each;
    stream->messages = fitting < FEWEST_MESSAGES  ? FEWEST_MESSAGES
                       : fitting > DLG_PAGE_LIMIT ? DLG_PAGE_LIMIT
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
    const dlg_page *page = dlg_reply_page(reply);
    bool taken = page && take_page(stream, page, false);
    if (!page) {
        const dlg_error *error = dlg_reply_error(reply);
        stream->ctx->failure = dlg_error_code(error);
    }
    dlg_reply_free(reply);
    return taken;
}

/* MHD_ContentReaderCallback: 0 means that the connection was suspended. */
static ssize_t read_stream(void *payload, uint64_t position, char *to, size_t room)
{
    (void)position;
    struct stream *stream = payload;
    if (stream->sent == stream->text.length && !stream->last && !turn_page(stream))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (stream->sent == stream->text.length)
        return stream->last ? MHD_CONTENT_READER_END_OF_STREAM : 0;
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

void stream_answer(struct request_ctx *ctx, const dlg_page *first)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        reply_error(ctx, 503, DLG_E_MEMORY, "out of memory; try again after the time in Retry-After");
        return;
    }
    pthread_mutex_init(&stream->lock, NULL);
    stream->ctx = ctx;
    if (!take_page(stream, first, true)) {
        end_stream(stream);
        reply_error(ctx, 503, DLG_E_OVERLOAD, "too many requests at once; try again after the time in Retry-After");
        return;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, stream, end_stream);
    if (!response)
        end_stream(stream);
    response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    reply_send(ctx, 200, response, ctx->packed ? MSGPACK_TYPE : JSON_TYPE);
}
