/* loop.h - the event loop of a client: the I/O thread, from its start to its end. */
#ifndef DIALOGS_LOOP_H
#define DIALOGS_LOOP_H

#include "engine/engine.h"

/* Starts the I/O thread. */
int engine_start(struct engine *engine, dlg_error **error);

/* Refuses new requests and waits until those under way are done, at most until `deadline_us` (monotonic). */
void engine_drain(struct engine *engine, int64_t deadline_us);

/* Ends the thread; what is left is completed with DLG_E_CLOSED. Returns how many those were, also another time. */
size_t engine_stop(struct engine *engine);

#endif
