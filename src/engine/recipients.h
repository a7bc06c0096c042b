/*
 * recipients.h - messages between their call and their end, by whom they go to, in the order of the calls. The server
 * stamps a message when it runs it, so each waits for those before it: on another connection, or while one of them
 * waits for another attempt, two could change places. I/O thread only.
 */
#ifndef DIALOGS_RECIPIENTS_H
#define DIALOGS_RECIPIENTS_H

#include "pg/query.h"

#include <stdbool.h>

struct recipients;

struct recipients *recipients_new(void); /* NULL: out of memory */
void recipients_free(struct recipients *recipients);

/* A message was called for. Nothing happens for a query that stores none. */
void recipients_add(struct recipients *recipients, struct query *query);

/* It has come to its end. Nothing happens for one that is not among them. */
void recipients_remove(struct recipients *recipients, struct query *query);

/* Whether the query may be sent in this batch: what goes to the same recipient before it is done, or in there too. */
bool recipients_let(const struct query *query, const struct batch *batch);

#endif
