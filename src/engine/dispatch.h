/*
 * dispatch.h - which query goes where and when: batches that form while a commit is under way, reads
 * that do not queue behind commits, and what happens to a query whose attempt failed. I/O thread only.
 */
#ifndef DIALOGS_DISPATCH_H
#define DIALOGS_DISPATCH_H

#include "engine/engine.h"

/* What connections tell. */
extern const struct connection_events dispatch_events;

/* False: out of memory. */
bool dispatch_open(struct engine *engine);

/* Puts a query into its node's queue. */
void dispatch_query(struct engine *engine, struct query *query);

/* A connection's descriptor is ready. */
void dispatch_handle(struct connection *connection);

/* Sends what waits, as far as connections are free. */
void dispatch_run(struct engine *engine);

/* Reconnects, ends pauses, gives up on servers that fell silent. */
void dispatch_timers(struct engine *engine);

/* When dispatch_timers() has something to do next; INT64_MAX: never. Monotonic. */
int64_t dispatch_next_timer(const struct engine *engine);

/* Drops every connection; what is under way comes back. */
void dispatch_stop(struct engine *engine);

/* Takes a query out of wherever it waits. Not for one that is under way in a connection. */
void dispatch_forget(struct query *query);

/* ---- Between the parts of it ---- */

/* dispatch.c: a query is not under way any more. */
void dispatch_left(struct engine *engine, struct query *query);

/* dispatch.c: puts a query that came back to the front of its node's queue. */
void dispatch_return(struct engine *engine, struct query *query);

/* dispatch_answers.c: tells callers whether the engine is connected. */
void dispatch_update_ready(struct engine *engine);

#endif
