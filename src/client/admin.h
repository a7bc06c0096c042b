/*
 * admin.h - administrative work of a client, which may take hours: on a caller's thread, or on the one thread kept
 * for it. dlg_close() ends it.
 */
#ifndef DIALOGS_ADMIN_H
#define DIALOGS_ADMIN_H

#include "base/error.h"
#include "base/workers.h"

#include <pthread.h>
#include <stdatomic.h>

struct admin {
    struct workers *workers; /* one thread, started when first needed */
    _Atomic bool stop;       /* all of it is to end */
    pthread_mutex_t lock;    /* guards what follows */
    pthread_cond_t changed;  /* a call has left, or all of it is to end */
    unsigned calls;          /* under way, on any thread */
};

/* False when out of memory. */
bool admin_open(struct admin *admin);

/* Waits until `deadline_us` (monotonic) for what is under way, then ends it; returns when it has ended. */
void admin_stop(struct admin *admin, int64_t deadline_us);
void admin_free(struct admin *admin);   /* after admin_stop() */
void admin_forget(struct admin *admin); /* instead of both, in a forked child */

/* On the stack of a thread that is inside a piece of work; a callback there may begin another. */
struct admin_place {
    struct admin *admin; /* NULL: not inside */
    struct admin_place *outer;
};

/*
 * A place for the rest of its block, however the block is left: at its end, or when an exception of C++ or the end of
 * the thread leaves a callback (the library is compiled with -fexceptions). What is cleaned up so before, stands
 * behind.
 */
#define ADMIN_PLACE(name) struct admin_place name __attribute__((cleanup(admin_leave))) = {NULL, NULL}

/* The thread begins a piece of work. Fails with DLG_E_CLOSED when all is to end. */
int admin_enter(struct admin *admin, struct admin_place *place, dlg_error **error);

/* ADMIN_PLACE() does it. */
void admin_leave(struct admin_place *place);

/* Whether the caller is inside a piece of work, e.g. in a callback. */
bool admin_is_here(const struct admin *admin);

/* Sleeps, unless all of it is to end: then it returns sooner. */
void admin_pause(struct admin *admin, int64_t us);

#endif
