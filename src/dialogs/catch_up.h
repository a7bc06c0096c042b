/* catch_up.h - which messages a cursor knows of behind its horizon. */
#ifndef DIALOGS_CATCH_UP_H
#define DIALOGS_CATCH_UP_H

#include "dialogs/list.h"

/* Learns from the rows of the page which the cursor has seen. False when out of memory. */
bool catch_up_read(struct list *list);

/* Whether messages may come late before the page, which was read backwards and does not go as far as that. */
bool catch_up_is_open(const struct list *list);

/* Asks for the positions of those that are there now, for the cursor from which the page is followed. */
void catch_up_ask_before(struct list *list);

/* Puts them into it. False when out of memory. */
bool catch_up_take_before(struct list *list);

#endif
