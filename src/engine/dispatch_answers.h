/* dispatch_answers.h - what connections tell: answers, queries that come back, connections that come and go. */
#ifndef DIALOGS_DISPATCH_ANSWERS_H
#define DIALOGS_DISPATCH_ANSWERS_H

#include "engine/engine.h"

/* What connections tell. */
extern const struct connection_events dispatch_events;

/* A connection's descriptor is ready. */
void dispatch_handle(struct connection *connection);

/* Tells callers whether the engine is connected. */
void dispatch_update_ready(struct engine *engine);

#endif
