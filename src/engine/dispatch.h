/*
 * dispatch.h - which query goes where and when: batches that form while a commit is under way, and reads that do not
 * queue behind commits. I/O thread only.
 */
#ifndef DIALOGS_DISPATCH_H
#define DIALOGS_DISPATCH_H

#include "engine/engine.h"

/* For a request's step: runs a query. The step runs again when nothing is outstanding. */
void engine_query(struct engine *engine, struct query *query);

/* Puts a query that waits nowhere into the queue of the node that owns its rows now. */
void dispatch_query(struct engine *engine, struct query *query);

/* Puts a query that came back to the front of its node's queue. */
void dispatch_return(struct engine *engine, struct query *query);

/* Sends what waits, as far as connections are free. */
void dispatch_run(struct engine *engine);

/* Drops every connection; what is under way comes back. */
void dispatch_stop(struct engine *engine);

/* What the topology asks of the engine. */
extern const struct topology_events dispatch_topology_events;

#endif
