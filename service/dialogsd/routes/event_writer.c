#include "routes/event_writer.h"

#include <stdlib.h>
#include <string.h>

/* So much is made ready at a time. */
enum { TEXT_BYTES = 8 * 1024 };

bool writer_has_room(const struct event_writer *writer)
{
    return !writer->event && writer->text.length < TEXT_BYTES;
}

/* No more memory than the cursor needs: most streams are silent most of the time. */
bool writer_keep_cursor(struct event_writer *writer, const char *cursor)
{
    if (writer->cursor && strcmp(writer->cursor, cursor) == 0)
        return true;
    char *copy = strdup(cursor);
    if (!copy)
        return false;
    free(writer->cursor);
    writer->cursor = copy;
    writer->moved = true;
    return true;
}

static void write_cursor(struct event_writer *writer)
{
    buffer_add_string(&writer->text, "id: ");
    buffer_add_string(&writer->text, writer->cursor);
    buffer_add_string(&writer->text, "\n");
    writer->moved = false;
}

static void open_event(struct event_writer *writer)
{
    write_cursor(writer);
    buffer_add_string(&writer->text, "event: message\ndata: ");
}

static void close_event(struct event_writer *writer)
{
    buffer_add_string(&writer->text, "\n\n");
    atomic_fetch_add_explicit(writer->delivered, 1, memory_order_relaxed);
}

void writer_heartbeat(struct event_writer *writer)
{
    if (!writer->moved) {
        buffer_add_string(&writer->text, ":\n");
        return;
    }
    write_cursor(writer);
    buffer_add_string(&writer->text, "event: cursor\ndata: {}\n\n");
}

/* A message of the page begins, unless it was shown. False: out of memory. */
static bool begin_message(struct event_writer *writer, const dlg_page *page, const dlg_message *message)
{
    char cursor[DLG_CURSOR_SIZE];
    bool again = recent_messages_have(&writer->shown, message);
    if (dlg_page_cursor(cursor, page, writer->index + 1) != DLG_OK || !writer_keep_cursor(writer, cursor) ||
        (!again && !recent_messages_add(&writer->shown, message)))
        return false;
    writer->in_message = !again;
    if (again)
        writer->index++;
    else
        open_event(writer);
    return true;
}

bool writer_page(struct event_writer *writer)
{
    const dlg_page *page = dlg_reply_page(writer->page);
    const dlg_message *message;
    while (writer->text.length < TEXT_BYTES && (message = dlg_page_at(page, writer->index)) != NULL) {
        if (!writer->in_message && !begin_message(writer, page, message))
            return false;
        if (!writer->in_message)
            continue;
        if (!message_add_some(&writer->text, message, false, TEXT_BYTES, &writer->place))
            return true;
        close_event(writer);
        writer->in_message = false;
        writer->index++;
    }
    return true;
}

void writer_event(struct event_writer *writer)
{
    struct event *event = writer->event;
    size_t left = event->length - writer->event_at;
    size_t length = left < TEXT_BYTES ? left : TEXT_BYTES;
    buffer_add(&writer->text, event->json + writer->event_at, length);
    writer->event_at += length;
    if (length < left)
        return;
    close_event(writer);
    event_release(event);
    writer->event = NULL;
}

void writer_begin_page(struct event_writer *writer, dlg_reply *page)
{
    writer->page = page;
    writer->index = 0;
}

bool writer_page_is_written(const struct event_writer *writer)
{
    return !dlg_page_at(dlg_reply_page(writer->page), writer->index);
}

void writer_end_page(struct event_writer *writer)
{
    dlg_reply_free(writer->page);
    writer->page = NULL;
}

/* A short one is copied; a long one is sent from where all its streams share it. */
void writer_begin_event(struct event_writer *writer, struct event *event)
{
    enum { SHORT = 2 * 1024 };
    open_event(writer);
    writer->event = event;
    writer->event_at = 0;
    atomic_fetch_add(&event->references, 1);
    if (event->length <= SHORT)
        writer_event(writer);
}

void writer_free(struct event_writer *writer)
{
    dlg_reply_free(writer->page);
    event_release(writer->event);
    buffer_free(&writer->text);
    free(writer->cursor);
    recent_messages_forget(&writer->shown);
}
