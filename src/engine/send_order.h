/*
 * send_order.h - messages between their call and their end, by author and recipient, in the order of the calls. The
 * server stamps a message when it runs it, so each waits for those of the same author to the same recipient before it:
 * on another connection, or while one of them waits for another attempt, two could change places. Messages of others to
 * that recipient are of other dialogs, and do not wait. I/O thread only.
 */
#ifndef DIALOGS_SEND_ORDER_H
#define DIALOGS_SEND_ORDER_H

#include "pg/query.h"

#include <stdbool.h>

struct send_order;

struct send_order *send_order_new(void); /* NULL: out of memory */
void send_order_free(struct send_order *order);

/* A message was called for. Nothing happens for a query without an author, which stores none. */
void send_order_add(struct send_order *order, struct query *query);

/* It has come to its end. Nothing happens for one that is not among them. */
void send_order_remove(struct send_order *order, struct query *query);

/* Whether the query may be sent in this batch: what goes the same way before it is done, or in there too. */
bool send_order_allows(const struct query *query, const struct batch *batch);

#endif
