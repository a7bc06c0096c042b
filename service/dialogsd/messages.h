/* messages.h - messages as a JSON array. */
#ifndef DIALOGSD_MESSAGES_H
#define DIALOGSD_MESSAGES_H

#include "text.h"

void messages_begin(struct text *text);

/* Any number of times: the messages of a page, with what separates them from those before. */
void messages_add(struct text *text, const dlg_page *page, bool first);
void messages_end(struct text *text);

#endif
