/* messages.h - messages as JSON objects, and as an array of them. */
#ifndef DIALOGSD_MESSAGES_H
#define DIALOGSD_MESSAGES_H

#include "text.h"

/* One message, an object. */
void message_add(struct text *text, const dlg_message *message);

void messages_begin(struct text *text);

/* Any number of times: the messages of a page, with what separates them from those before. */
void messages_add(struct text *text, const dlg_page *page, bool first);
void messages_end(struct text *text);

#endif
