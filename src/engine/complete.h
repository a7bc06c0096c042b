/* complete.h - how requests end: the outcome goes to the waiter, to the callback, or into the queue of replies. */
#ifndef DIALOGS_COMPLETE_H
#define DIALOGS_COMPLETE_H

#include "engine/engine.h"

/* The request is done; takes `error` over. The request may be freed when this returns. I/O thread. */
void request_complete(struct request *request, dlg_error *error);

/* The request is done, with the error of one of its queries. I/O thread. */
void request_fail(struct request *request, struct query *query);

/* Takes a reply from the queue; waits as dlg_reply_next() does, but 0 means not at all. Any thread. */
dlg_reply *engine_next_reply(struct engine *engine, int64_t timeout_us);

#endif
