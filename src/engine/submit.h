/* submit.h - how requests begin, on the threads of callers: bounds, the way into the engine, and the wait. */
#ifndef DIALOGS_SUBMIT_H
#define DIALOGS_SUBMIT_H

#include "engine/engine.h"

/* For a timeout: there is none. */
#define ENGINE_NO_TIMEOUT INT64_MAX

/*
 * A blocking call: waits for room in the queue and for the request, at most until the deadline
 * (`timeout_us` 0: the setting; negative: without limit), and returns its outcome. The caller keeps its reference.
 */
int engine_call(struct engine *engine, struct request *request, int64_t timeout_us, dlg_error **error);

/*
 * The two parts of it, for a caller that does something else meanwhile; `wait` for room or not. Instead of the
 * second one the caller may give its reference up.
 */
int engine_begin(struct engine *engine, struct request *request, int64_t timeout_us, bool wait, dlg_error **error);
int engine_finish(struct request *request, dlg_error **error);

/* An asynchronous call: takes the caller's reference over, for the reply or at once on failure. */
int engine_post(struct engine *engine, struct request *request, int64_t timeout_us, dlg_callback callback,
                void *payload, dlg_error **error);

/* DLG_E_STATE on the I/O thread. */
int engine_may_wait(const struct engine *engine, dlg_error **error);

/* A job outside the I/O thread is done: runs the request's step there. Gives up the job's reference. */
void engine_resume(struct request *request);

/* The cluster was changed: asks for the map of shards now. */
void engine_refresh_topology(struct engine *engine);

#endif
