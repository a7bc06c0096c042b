/*
 * event_stream.c - GET /events: the messages to and from the caller, as they are stored (server-sent events).
 *
 * A stream begins by subscribing, and asking the database for what lies behind its cursor, in this order, so
 * that nothing falls between. Then it hands on what its subscription brings, and now and then asks the database again,
 * for what others than this service wrote. While it asks, the subscription's events wait; what the database has shown
 * is not shown twice. Every event carries the cursor of all that was sent so far: a client that comes back with it
 * misses nothing.
 */
#include "routes/event_stream.h"

#include "common/service_clock.h"
#include "http/event_ticket.h"
#include "http/input.h"
#include "http/library_call.h"
#include "http/reply.h"
#include "routes/event_writer.h"

#include <stdlib.h>
#include <string.h>

/*
 * How much is read, and written, at a time. Of a stream that begins now only the newest: it says where that is.
 * STREAM_BYTES is about what a stream takes, without a page.
 */
enum { PAGE_MESSAGES = 16, NOW_MESSAGES = 1, BLOCK_BYTES = 1024, STREAM_BYTES = 16 * 1024 };

/* After so many that it heard a stream asks the database again: its cursor remembers them until then. */
enum { HEARD_MOST = 160, AGAIN_US = 2 * 1000000 };

enum asked { NOTHING, UNDER_WAY, ARRIVED };

struct stream {
    struct subscriber subscriber;
    struct request_ctx *ctx; /* ends after the answer does, maybe before the stream */
    struct subscriptions *subscriptions;
    dlg_client *client;
    /* Under subscriptions_lock(): */
    enum asked asked;
    dlg_reply *reply;             /* ARRIVED: it */
    bool abandoned;               /* the answer is over; the callback has to free the stream */
    struct memory_holding memory; /* of the callback while the database is asked, else of the connection's thread */
    /* Of the connection's thread: */
    struct event_writer writer;
    char *token;    /* that the caller came with; NULL: a ticket */
    bool ask_again; /* the page is from before the stream could hear */
    bool caught_up; /* the database has shown all that it had when the stream began */
    unsigned heard; /* events since the database was asked */
    bool skipped;   /* some that the database has to show, and has not shown yet */
};

static void stream_free(struct stream *stream)
{
    dlg_reply_free(stream->reply);
    writer_free(&stream->writer);
    memory_give(&stream->memory);
    free(stream->token);
    free(stream);
}

/* The library's callback. Once the connection is resumed the stream may be gone. */
static void page_arrived(dlg_reply *reply, void *payload)
{
    struct stream *stream = payload;
    struct subscriptions *subscriptions = stream->subscriptions;
    if (!memory_take(&stream->memory, reply_cost(reply))) {
        dlg_reply_free(reply);
        reply = NULL;
    }
    subscriptions_lock(subscriptions, &stream->subscriber);
    stream->reply = reply;
    stream->asked = ARRIVED;
    bool abandoned = stream->abandoned;
    if (!abandoned)
        subscriber_wake(&stream->subscriber);
    subscriptions_unlock(subscriptions, &stream->subscriber);
    if (abandoned)
        stream_free(stream);
}

static int ask_for_page(struct stream *stream)
{
    dlg_list_options options = DLG_LIST_OPTIONS_INIT;
    options.limit = PAGE_MESSAGES;
    options.after = stream->writer.cursor;
    return dlg_feed_async(stream->client, &stream->subscriber.user, &options, page_arrived, stream, NULL);
}

/* The library's callback: a token that has ended before its time ends the stream. It keeps the stream, not its answer.
 */
static void token_checked(dlg_reply *reply, void *payload)
{
    struct stream *stream = payload;
    if (dlg_reply_code(reply) == DLG_E_TOKEN) {
        page_arrived(reply, stream);
        return;
    }
    dlg_reply_free(reply);
    if (ask_for_page(stream) != DLG_OK)
        page_arrived(NULL, stream);
}

/* Asks about the token first, unless that was done lately. A stream of a ticket is short: the next ticket asks. */
static int check_and_ask(struct stream *stream)
{
    if (!stream->token || dlg_token_fresh(stream->client, stream->token, DLG_NTS))
        return ask_for_page(stream);
    return dlg_token_check_async(stream->client, stream->token, DLG_NTS, token_checked, stream, NULL);
}

/* Asks for what lies behind the cursor. What the subscription has brought so far is in the database. */
static bool ask_database(struct stream *stream)
{
    struct subscriber *subscriber = &stream->subscriber;
    struct backend *backend = &stream->ctx->service->backend;
    stream->heard = 0;
    subscriptions_lock(stream->subscriptions, subscriber);
    stream->skipped = stream->skipped || subscriber->queued > 0;
    subscriber_drop(subscriber);
    subscriber->reading = true;
    subscriber->lost = subscriber->poll_due = false;
    stream->asked = UNDER_WAY;
    subscriptions_unlock(stream->subscriptions, subscriber);
    bool open = backend_enter(backend);
    int code = open ? check_and_ask(stream) : DLG_E_CLOSED;
    if (open)
        backend_leave(backend);
    if (code == DLG_OK)
        return true;
    subscriptions_lock(stream->subscriptions, subscriber);
    stream->asked = NOTHING;
    subscriber->ending = subscriber->ending || code == DLG_E_TOKEN; /* its key is no good any more */
    subscriptions_unlock(stream->subscriptions, subscriber);
    return false;
}

/*
 * The database did not answer. A stream that has caught up goes on with what its subscription brings, and asks again
 * later, soon when it counted on the database; one that has not is over, and its client comes back with its cursor.
 */
static bool do_without(struct stream *stream)
{
    subscriptions_lock(stream->subscriptions, &stream->subscriber);
    stream->subscriber.reading = false;
    if (stream->skipped)
        stream->subscriber.poll_at_us = monotonic_us() + AGAIN_US;
    bool whole = stream->caught_up && !stream->subscriber.lost;
    subscriptions_unlock(stream->subscriptions, &stream->subscriber);
    return whole;
}

/* The page is written: the cursor is behind it, and maybe there is more. */
static bool end_page(struct stream *stream)
{
    const dlg_page *page = dlg_reply_page(stream->writer.page);
    bool good = writer_keep_cursor(&stream->writer, dlg_page_after(page));
    subscriptions_lock(stream->subscriptions, &stream->subscriber);
    bool again = dlg_page_has_more(page) || stream->subscriber.lost || stream->ask_again;
    stream->subscriber.reading = again;
    subscriptions_unlock(stream->subscriptions, &stream->subscriber);
    writer_end_page(&stream->writer);
    memory_give_but(&stream->memory, STREAM_BYTES);
    if (stream->ask_again && stream->writer.moved)
        writer_heartbeat(&stream->writer);
    stream->ask_again = false;
    stream->caught_up = stream->caught_up || !again;
    stream->skipped = stream->skipped && again;
    return good && (!again || ask_database(stream));
}

/* `reply` NULL: there was no memory for it. */
static bool take_page(struct stream *stream, dlg_reply *reply)
{
    if (!dlg_reply_page(reply)) {
        stream->ctx->failure = reply ? dlg_reply_code(reply) : DLG_E_OVERLOAD;
        dlg_reply_free(reply);
        return stream->ctx->failure != DLG_E_TOKEN && do_without(stream);
    }
    writer_begin_page(&stream->writer, reply);
    return true;
}

/* ---- What the subscription brings ---- */

static int cursor_move(char *cursor, const dlg_uuid *user, const dlg_message *message)
{
    dlg_message_input input = DLG_MESSAGE_INPUT_INIT;
    input.author = message->author;
    input.recipient = message->recipient;
    input.id = message->id;
    input.created_us = message->created_us;
    return dlg_feed_cursor(cursor, user, &input);
}

static bool write_event(struct stream *stream, struct event *event)
{
    char cursor[DLG_CURSOR_SIZE];
    stream->heard++;
    if (recent_messages_have(&stream->writer.shown, &event->message))
        return true;
    memcpy(cursor, stream->writer.cursor, strlen(stream->writer.cursor) + 1);
    int code = cursor_move(cursor, &stream->subscriber.user, &event->message);
    bool full = code == DLG_E_OVERLOAD; /* it stays as it is, and the database is asked */
    if (code == DLG_OK && strcmp(cursor, stream->writer.cursor) == 0)
        return true; /* what lies before was shown, or is going to be */
    bool good = (full || (code == DLG_OK && writer_keep_cursor(&stream->writer, cursor))) &&
                recent_messages_add(&stream->writer.shown, &event->message);
    if (full)
        stream->heard = HEARD_MOST;
    if (!good)
        return false;
    writer_begin_event(&stream->writer, event);
    return true;
}

static struct event *take_event(struct stream *stream)
{
    subscriptions_lock(stream->subscriptions, &stream->subscriber);
    struct event *event = stream->subscriber.reading ? NULL : subscriber_take(&stream->subscriber);
    subscriptions_unlock(stream->subscriptions, &stream->subscriber);
    return event;
}

static bool write_events(struct stream *stream)
{
    struct event *event;
    bool good = true;
    while (good && writer_has_room(&stream->writer) && (event = take_event(stream))) {
        good = write_event(stream, event);
        event_release(event);
    }
    return good;
}

/* ---- The answer ---- */

enum next { PAGE, EVENTS, HEARTBEAT, POLL_DATABASE, WAIT, END };

/* What there is to do; when there is nothing the connection is suspended. */
static enum next choose(struct stream *stream, dlg_reply **reply)
{
    enum next next = WAIT;
    struct subscriber *subscriber = &stream->subscriber;
    subscriptions_lock(stream->subscriptions, subscriber);
    if (subscriber->ending) {
        next = END;
    } else if (stream->asked == ARRIVED) {
        *reply = stream->reply;
        stream->reply = NULL;
        stream->asked = NOTHING;
        next = PAGE;
    } else if (!subscriber->reading && subscriber->queued && stream->heard < HEARD_MOST) {
        next = EVENTS;
    } else if (!subscriber->reading && (subscriber->poll_due || stream->heard >= HEARD_MOST)) {
        next = POLL_DATABASE;
    } else if (subscriber->heartbeat_due) {
        subscriber->heartbeat_due = false;
        next = HEARTBEAT;
    } else {
        buffer_free(&stream->writer.text);
        stream->writer.sent = 0;
        subscriber->waiting = true;
        MHD_suspend_connection(subscriber->connection);
    }
    subscriptions_unlock(stream->subscriptions, subscriber);
    return next;
}

/* Writes what is next; false at the end of the stream. */
static bool turn(struct stream *stream, enum next next, dlg_reply *reply)
{
    bool good = false;
    if (next == PAGE)
        good = take_page(stream, reply);
    else if (next == EVENTS)
        good = write_events(stream);
    else if (next == POLL_DATABASE)
        good = ask_database(stream) || do_without(stream);
    else if (next == HEARTBEAT)
        good = (writer_heartbeat(&stream->writer), true);
    return good;
}

/* What was begun goes on before anything else is chosen. False at the end of the stream. */
static bool write_more(struct stream *stream, bool *waits)
{
    dlg_reply *reply = NULL;
    struct event_writer *writer = &stream->writer;
    writer->text.length = writer->sent = 0;
    if (writer->event)
        return writer_event(writer), true;
    if (writer->page)
        return writer_page_is_written(writer) ? end_page(stream) : writer_page(writer);
    enum next next = choose(stream, &reply);
    *waits = next == WAIT;
    return *waits || turn(stream, next, reply);
}

/* MHD_ContentReaderCallback: 0 means that the connection was suspended. */
static ssize_t read_stream(void *payload, uint64_t position, char *to, size_t room)
{
    (void)position;
    struct stream *stream = payload;
    while (stream->writer.sent == stream->writer.text.length) {
        bool waits = false;
        if (!write_more(stream, &waits) || stream->writer.text.failed)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (waits)
            return 0;
    }
    size_t length = buffer_read(&stream->writer.text, &stream->writer.sent, to, room);
    stream->ctx->answer_length += length;
    return (ssize_t)length;
}

/* MHD_ContentReaderFreeCallback: the answer is over, sent or not. */
static void end_stream(void *payload)
{
    struct stream *stream = payload;
    struct subscriptions *subscriptions = stream->subscriptions;
    subscriptions_remove(subscriptions, &stream->subscriber);
    subscriptions_lock(subscriptions, &stream->subscriber);
    stream->abandoned = stream->asked == UNDER_WAY;
    bool abandoned = stream->abandoned;
    subscriptions_unlock(subscriptions, &stream->subscriber);
    if (!abandoned)
        stream_free(stream);
}

/* ---- The call ---- */

/* Clients that come again name the last event in the header, or in a parameter (event-source-polyfill does). */
static const char *last_event(const struct request_ctx *ctx, const char *parameter, const char *after)
{
    const char *header = ctx_header(ctx, "Last-Event-ID", NULL);
    if (header && *header)
        return header;
    return parameter && *parameter ? parameter : after;
}

static unsigned streams_most(const struct request_ctx *ctx)
{
    return (unsigned)ctx->service->config.streams_per_user;
}

static void refuse_stream(struct request_ctx *ctx)
{
    ctx->retry_after_s = 30;
    reply_error(ctx, 429, DLG_E_OVERLOAD, "too many streams of this user: %u are open; close one", streams_most(ctx));
}

void events_start(struct request_ctx *ctx)
{
    struct parameter parameters[] = {{"after", NULL}, {"lastEventId", NULL}, {"ticket", NULL}};
    dlg_list_options *page = &ctx->page;
    if (!query_read(ctx, parameters, sizeof parameters / sizeof *parameters))
        return;
    *page = (dlg_list_options)DLG_LIST_OPTIONS_INIT;
    page->after = last_event(ctx, parameters[1].value, parameters[0].value);
    page->limit = page->after ? PAGE_MESSAGES : NOW_MESSAGES;
    if (subscriptions_count(&ctx->service->subscriptions, &ctx->caller) >= streams_most(ctx)) {
        refuse_stream(ctx);
        return;
    }
    if (atomic_load(&ctx->service->backend.draining)) {
        reply_error(ctx, 503, DLG_E_CLOSED, "the service is stopping; try again after the time in Retry-After");
        return;
    }
    call_begin(ctx);
    call_submitted(ctx,
                   dlg_feed_async(ctx->service->backend.client, &ctx->caller, page, call_arrived, ctx, &ctx->error));
}

/*
 * What the client gets at once: where it stands, or what it missed, a page from before the stream was heard of. The
 * database is asked again behind it.
 */
static bool greet(struct stream *stream)
{
    buffer_add_string(&stream->writer.text, "retry: 1000\n");
    if (!stream->ctx->page.after) {
        if (!writer_keep_cursor(&stream->writer, dlg_page_after(dlg_reply_page(stream->ctx->reply))))
            return false;
        writer_heartbeat(&stream->writer);
        return true;
    }
    writer_begin_page(&stream->writer, stream->ctx->reply);
    stream->ctx->reply = NULL;
    stream->subscriber.reading = stream->ask_again = true;
    return true;
}

static struct stream *stream_new(struct request_ctx *ctx)
{
    struct stream *stream = memory_take(&ctx->memory, STREAM_BYTES) ? calloc(1, sizeof *stream) : NULL;
    size_t length = 0;
    const char *token = ctx_token(ctx, &length);
    if (!stream || (token && !(stream->token = strndup(token, length)))) {
        free(stream);
        return NULL;
    }
    stream->ctx = ctx;
    stream->memory = ctx->memory;
    ctx->memory.bytes = 0;
    stream->subscriptions = &ctx->service->subscriptions;
    stream->client = ctx->service->backend.client;
    stream->writer.delivered = &stream->subscriptions->delivered;
    recent_messages_open(&stream->writer.shown, ctx->memory.budget, &ctx->caller);
    stream->subscriber.user = ctx->caller;
    stream->subscriber.token = ctx->token;
    stream->subscriber.expires_us = ctx->expires_us;
    stream->subscriber.connection = ctx->connection;
    stream->subscriber.fd = ctx->client->fd;
    return stream;
}

static void answer(struct request_ctx *ctx, struct stream *stream)
{
    struct MHD_Response *response = response_stream(ctx->method, BLOCK_BYTES, read_stream, stream, end_stream);
    if (!response)
        end_stream(stream);
    response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    response_header(response, "X-Accel-Buffering", "no"); /* nginx: pass each event on at once */
    reply_send(ctx, 200, response, EVENTS_TYPE);
}

void events_finish(struct request_ctx *ctx)
{
    if (!event_ticket_use(ctx))
        return;
    struct stream *stream = stream_new(ctx);
    if (!stream || !greet(stream) || stream->writer.text.failed) {
        if (stream)
            stream_free(stream);
        reply_no_memory(ctx);
        return;
    }
    if (!subscriptions_add(stream->subscriptions, &stream->subscriber, streams_most(ctx))) {
        stream_free(stream);
        refuse_stream(ctx);
        return;
    }
    if (revoked_tokens_contain(&ctx->service->revoked_tokens, &ctx->token)) /* meanwhile */
        stream->subscriber.expires_us = 0;
    if (stream->writer.page || ask_database(stream)) {
        answer(ctx, stream);
        return;
    }
    end_stream(stream);
    reply_error(ctx, 503, DLG_E_OVERLOAD, "too many requests at once; try again after the time in Retry-After");
}
