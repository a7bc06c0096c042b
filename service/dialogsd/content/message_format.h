/* message_format.h - messages as JSON objects, and arrays of them, in JSON or in msgpack. */
#ifndef DIALOGSD_MESSAGE_FORMAT_H
#define DIALOGSD_MESSAGE_FORMAT_H

#include "content/text_buffer.h"

/* One message, an object of JSON. */
void message_add(struct text_buffer *text, const dlg_message *message);

/*
 * The messages of a page as a part of one JSON array, whose first and last part are said to be so; or, `packed`, as an
 * array of their own: how many there are in all is not known when the first page is written.
 */
struct part {
    bool packed, first, last;
};
void messages_add(struct text_buffer *text, const dlg_page *page, struct part part);

#endif
