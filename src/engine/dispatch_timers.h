/* dispatch_timers.h - what happens by itself: pauses end, silent servers are given up, connections connect again. */
#ifndef DIALOGS_DISPATCH_TIMERS_H
#define DIALOGS_DISPATCH_TIMERS_H

#include "engine/engine.h"

/* Reconnects, ends pauses, gives up on servers that fell silent. */
void dispatch_timers(struct engine *engine);

/* When dispatch_timers() has something to do next; INT64_MAX: never. Monotonic. */
int64_t dispatch_next_timer(const struct engine *engine);

#endif
