/* message_format.h - messages as JSON objects, or packed, and arrays of them; piece by piece, since texts are long. */
#ifndef DIALOGSD_MESSAGE_FORMAT_H
#define DIALOGSD_MESSAGE_FORMAT_H

#include "content/text_buffer.h"

/* One message, an object of JSON. */
void message_add(struct text_buffer *text, const dlg_message *message);

/* A message that is being written. Begin with zero. */
struct message_place {
    bool begun;
    size_t at; /* in its text */
};

/* Adds pieces of the message until it ends, or `text` has about so many bytes. True at the end of the message. */
bool message_add_some(struct text_buffer *text, const dlg_message *message, bool packed, size_t most,
                      struct message_place *place);

/*
 * The messages of a page as a part of one JSON array, whose first and last part are said to be so; or, `packed`, as an
 * array of their own: how many there are in all is not known when the first page is written.
 */
struct page_place {
    bool packed, first, last;
    bool begun;
    size_t index;
    struct message_place message;
};

/* Like message_add_some(). */
bool messages_add_some(struct text_buffer *text, const dlg_page *page, size_t most, struct page_place *place);

#endif
