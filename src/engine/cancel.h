/* cancel.h - requests that their callers give up, named by their payload. */
#ifndef DIALOGS_CANCEL_H
#define DIALOGS_CANCEL_H

#include "engine/engine.h"

/* Asks the I/O thread to end the requests with this payload. Any thread. */
int cancel_request(struct engine *engine, const void *payload, dlg_error **error);

/* Ends the requests that it was asked to end. I/O thread; what was submitted before the asking is active by then. */
void cancel_run(struct engine *engine);

#endif
