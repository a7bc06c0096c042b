/*
 * patience.h - how long blocking work waits, and what ends its waiting sooner. It looks around ten times a second, so
 * that whoever wants it to end is heard whether the server answers or not.
 */
#ifndef DIALOGS_PATIENCE_H
#define DIALOGS_PATIENCE_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>

struct patience {
    int64_t deadline_us;      /* monotonic: DLG_E_TIMEOUT; INT64_MAX: none */
    int64_t silence_us;       /* longest time in which no byte goes either way: DLG_E_TIMEOUT; 0: any */
    int64_t grace_us;         /* after the end, for the server to take notice; 0: 5 s */
    const _Atomic bool *stop; /* becomes true: DLG_E_CLOSED; or NULL */
    /* Called a few times a second when not NULL; any code but DLG_OK, with its error, ends the waiting. */
    int (*tick)(void *payload, dlg_error **error);
    void *payload;
};

/* One wait: for one answer, or for room for some bytes. */
struct patience_wait {
    const struct patience *patience;
    int64_t tick_at_us; /* not at once: what waits for a moment only calls nobody */
    int64_t moved_us;   /* when a byte went last */
};

void patience_begin(struct patience_wait *wait, const struct patience *patience);

/* DLG_OK, or why the waiting ends, with the error. */
int patience_end(struct patience_wait *wait, dlg_error **error);

/* Waits a moment, at most until `until_us` (monotonic), for events as of poll(). True: there is one. */
bool patience_poll(struct patience_wait *wait, int fd, short events, int64_t until_us);

/* The same until there is one, and DLG_OK; or why the waiting ends, with the error. */
int patience_await(const struct patience *patience, int fd, short events, dlg_error **error);

/* Whether the client is being closed. */
bool patience_is_stopped(const struct patience *patience);

/* Sleeps, at most until the deadline; sooner when the client is being closed. */
void patience_pause(const struct patience *patience, int64_t us);

#endif
