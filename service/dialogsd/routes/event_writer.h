/*
 * event_writer.h - the text of a stream of events, piece by piece: a text may be long, its client slow, and there are
 * many such streams. Each event carries the cursor of all that was written so far.
 */
#ifndef DIALOGSD_EVENT_WRITER_H
#define DIALOGSD_EVENT_WRITER_H

#include "content/message_format.h"
#include "live/recent_messages.h"
#include "live/subscriptions.h"

struct event_writer {
    struct text_buffer text; /* what is being sent */
    size_t sent;             /* of it */
    char *cursor;            /* of all that was written */
    bool moved;              /* since the client was told */
    struct recent_messages shown;
    atomic_uint_fast64_t *delivered; /* counts the events */
    dlg_reply *page;                 /* what the database showed, while it is being written; NULL: none */
    size_t index;                    /* of the message that is being written */
    struct message_place place;      /* what is written of it */
    bool in_message;                 /* its first line is written */
    struct event *event;             /* that is being written; NULL: none */
    size_t event_at;                 /* what is written of it */
};

/* Whether another event may begin. */
bool writer_has_room(const struct event_writer *writer);

/* The cursor of all that was written. False: out of memory. */
bool writer_keep_cursor(struct event_writer *writer, const char *cursor);

/*
 * A sign of life: a comment. When the cursor has moved without a message, it, as an event of its own: clients that are
 * not browsers take every empty line for the end of a message, and parse its data.
 */
void writer_heartbeat(struct event_writer *writer);

/* A page, which is the writer's from now on; some of its messages, except those that were shown. False: out of memory.
 */
void writer_begin_page(struct event_writer *writer, dlg_reply *page);
bool writer_page(struct event_writer *writer);
bool writer_page_is_written(const struct event_writer *writer);
void writer_end_page(struct event_writer *writer);

/* An event, whose cursor was kept; more of it, until `event` is NULL. */
void writer_begin_event(struct event_writer *writer, struct event *event);
void writer_event(struct event_writer *writer);

void writer_free(struct event_writer *writer);

#endif
