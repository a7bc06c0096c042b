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
#include "content/message_format.h"
#include "http/event_ticket.h"
#include "http/input.h"
#include "http/library_call.h"
#include "http/reply.h"
#include "live/recent_messages.h"

#include <stdlib.h>
#include <string.h>

/* How much is read, and written, at a time. Of a stream that begins now only the newest: it says where that is. */
enum { PAGE_MESSAGES = 50, NOW_MESSAGES = 1, TEXT_BYTES = 32 * 1024, BLOCK_BYTES = 1024 };

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
    dlg_reply *reply; /* ARRIVED: it */
    bool abandoned;   /* the answer is over; the callback has to free the stream */
    /* Of the connection's thread: */
    bool caught_up;          /* the database has shown all that it had when the stream began */
    char *token;             /* that the caller came with; NULL: a ticket */
    char *cursor;            /* of all that was written */
    bool moved;              /* since the client was told */
    unsigned heard;          /* events since the database was asked */
    bool skipped;            /* some that the database has to show, and has not shown yet */
    struct text_buffer text; /* what is being sent */
    size_t sent;             /* of it */
    struct recent_messages shown;
};

static void stream_free(struct stream *stream)
{
    dlg_reply_free(stream->reply);
    buffer_free(&stream->text);
    free(stream->token);
    free(stream->cursor);
    recent_messages_forget(&stream->shown);
    free(stream);
}

/* ---- Writing ---- */

/* Keeps no more memory than the cursor needs: most streams are silent most of the time. */
static bool cursor_keep(struct stream *stream, const char *cursor)
{
    if (stream->cursor && strcmp(stream->cursor, cursor) == 0)
        return true;
    char *copy = strdup(cursor);
    if (!copy)
        return false;
    free(stream->cursor);
    stream->cursor = copy;
    stream->moved = true;
    return true;
}

static void write_cursor(struct stream *stream)
{
    buffer_add_string(&stream->text, "id: ");
    buffer_add_string(&stream->text, stream->cursor);
    buffer_add_string(&stream->text, "\n");
    stream->moved = false;
}

static void write_data(struct stream *stream, const char *json, size_t length)
{
    write_cursor(stream);
    buffer_add_string(&stream->text, "event: message\ndata: ");
    buffer_add(&stream->text, json, length);
    buffer_add_string(&stream->text, "\n\n");
    atomic_fetch_add_explicit(&stream->subscriptions->delivered, 1, memory_order_relaxed);
}

/*
 * A sign of life: a comment. When the cursor has moved without a message, it, as an event of its own: clients that are
 * not browsers take every empty line for the end of a message, and parse its data.
 */
static void write_heartbeat(struct stream *stream)
{
    if (!stream->moved) {
        buffer_add_string(&stream->text, ":\n");
        return;
    }
    write_cursor(stream);
    buffer_add_string(&stream->text, "event: cursor\ndata: {}\n\n");
}

/* ---- What the database shows ---- */

/* Each message with the cursor behind it. */
static bool write_page(struct stream *stream, const dlg_page *page)
{
    char cursor[DLG_CURSOR_SIZE];
    struct text_buffer json = {0};
    bool good = true;
    for (size_t i = 0; good && i < dlg_page_count(page); i++) {
        const dlg_message *message = dlg_page_at(page, i);
        bool again = recent_messages_have(&stream->shown, message);
        json.length = 0;
        message_add(&json, message);
        good = dlg_page_cursor(cursor, page, i + 1) == DLG_OK && cursor_keep(stream, cursor) && !json.failed;
        good = good && (again || recent_messages_add(&stream->shown, message));
        if (good && !again)
            write_data(stream, json.data, json.length);
    }
    buffer_free(&json);
    return good && cursor_keep(stream, dlg_page_after(page));
}

/* The library's callback. Once the connection is resumed the stream may be gone. */
static void page_arrived(dlg_reply *reply, void *payload)
{
    struct stream *stream = payload;
    struct subscriptions *subscriptions = stream->subscriptions;
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
    options.after = stream->cursor;
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

static bool take_page(struct stream *stream, dlg_reply *reply)
{
    const dlg_page *page = dlg_reply_page(reply);
    if (!page) {
        stream->ctx->failure = dlg_reply_code(reply);
        return stream->ctx->failure != DLG_E_TOKEN && do_without(stream);
    }
    if (!write_page(stream, page))
        return false;
    subscriptions_lock(stream->subscriptions, &stream->subscriber);
    bool again = dlg_page_has_more(page) || stream->subscriber.lost;
    stream->subscriber.reading = again;
    subscriptions_unlock(stream->subscriptions, &stream->subscriber);
    stream->caught_up = stream->caught_up || !again;
    stream->skipped = stream->skipped && again;
    return !again || ask_database(stream);
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

static bool write_event(struct stream *stream, const struct event *event)
{
    char cursor[DLG_CURSOR_SIZE];
    stream->heard++;
    if (recent_messages_have(&stream->shown, &event->message))
        return true;
    memcpy(cursor, stream->cursor, strlen(stream->cursor) + 1);
    int code = cursor_move(cursor, &stream->subscriber.user, &event->message);
    bool full = code == DLG_E_OVERLOAD; /* it stays as it is, and the database is asked */
    if (code == DLG_OK && strcmp(cursor, stream->cursor) == 0)
        return true; /* what lies before was shown, or is going to be */
    bool good = (full || (code == DLG_OK && cursor_keep(stream, cursor))) &&
                recent_messages_add(&stream->shown, &event->message);
    if (full)
        stream->heard = HEARD_MOST;
    if (good)
        write_data(stream, event->json, event->length);
    return good;
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
    while (good && stream->text.length < TEXT_BYTES && (event = take_event(stream))) {
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
        buffer_free(&stream->text);
        stream->sent = 0;
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
    stream->text.length = stream->sent = 0;
    if (next == PAGE)
        good = take_page(stream, reply);
    else if (next == EVENTS)
        good = write_events(stream);
    else if (next == POLL_DATABASE)
        good = ask_database(stream) || do_without(stream);
    else if (next == HEARTBEAT)
        good = (write_heartbeat(stream), true);
    dlg_reply_free(reply);
    return good && !stream->text.failed;
}

/* MHD_ContentReaderCallback: 0 means that the connection was suspended. */
static ssize_t read_stream(void *payload, uint64_t position, char *to, size_t room)
{
    (void)position;
    struct stream *stream = payload;
    while (stream->sent == stream->text.length) {
        dlg_reply *reply = NULL;
        enum next next = choose(stream, &reply);
        if (next == WAIT)
            return 0;
        if (!turn(stream, next, reply))
            return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t length = buffer_read(&stream->text, &stream->sent, to, room);
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

void events_start(struct request_ctx *ctx)
{
    struct parameter parameters[] = {{"after", NULL}, {"lastEventId", NULL}, {"ticket", NULL}};
    dlg_list_options *page = &ctx->page;
    if (!query_read(ctx, parameters, sizeof parameters / sizeof *parameters))
        return;
    *page = (dlg_list_options)DLG_LIST_OPTIONS_INIT;
    page->after = last_event(ctx, parameters[1].value, parameters[0].value);
    page->limit = page->after ? PAGE_MESSAGES : NOW_MESSAGES;
    if (atomic_load(&ctx->service->backend.draining)) {
        reply_error(ctx, 503, DLG_E_CLOSED, "the service is stopping; try again after the time in Retry-After");
        return;
    }
    call_begin(ctx);
    call_submitted(ctx,
                   dlg_feed_async(ctx->service->backend.client, &ctx->caller, page, call_arrived, ctx, &ctx->error));
}

/* What the client gets at once: where it stands, and what it missed. */
static bool greet(struct stream *stream, const dlg_page *page)
{
    buffer_add_string(&stream->text, "retry: 1000\n");
    bool good = stream->ctx->page.after ? write_page(stream, page) : cursor_keep(stream, dlg_page_after(page));
    if (good && stream->moved)
        write_heartbeat(stream);
    return good;
}

static struct stream *stream_new(struct request_ctx *ctx)
{
    struct stream *stream = calloc(1, sizeof *stream);
    size_t length = 0;
    const char *token = ctx_token(ctx, &length);
    if (!stream || (token && !(stream->token = strndup(token, length)))) {
        free(stream);
        return NULL;
    }
    stream->ctx = ctx;
    stream->subscriptions = &ctx->service->subscriptions;
    stream->client = ctx->service->backend.client;
    stream->subscriber.user = ctx->caller;
    stream->subscriber.token = ctx->token;
    stream->subscriber.expires_us = ctx->expires_us;
    stream->subscriber.connection = ctx->connection;
    stream->subscriber.fd = ctx->client->fd;
    return stream;
}

static void answer(struct request_ctx *ctx, struct stream *stream)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, stream, end_stream);
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
    if (!stream || !greet(stream, dlg_reply_page(ctx->reply)) || stream->text.failed) {
        if (stream)
            stream_free(stream);
        reply_error(ctx, 503, DLG_E_MEMORY, "out of memory; try again after the time in Retry-After");
        return;
    }
    subscriptions_add(stream->subscriptions, &stream->subscriber);
    if (revoked_tokens_contain(&ctx->service->revoked_tokens, &ctx->token)) /* meanwhile */
        stream->subscriber.expires_us = 0;
    if (ask_database(stream)) {
        answer(ctx, stream);
        return;
    }
    end_stream(stream);
    reply_error(ctx, 503, DLG_E_OVERLOAD, "too many requests at once; try again after the time in Retry-After");
}
