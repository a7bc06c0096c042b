/*
 * request.h - one operation from its call to its single completion. Operations embed a
 * request as the first member of their own struct; to callers it is a dlg_reply.
 *
 * References: one of whoever gets the reply, one for each query or job under way, and, for a blocking call, one of
 * the engine until it is done.
 */
#ifndef DIALOGS_REQUEST_H
#define DIALOGS_REQUEST_H

#include "pg/query.h"

#include <semaphore.h>
#include <stdatomic.h>

struct engine;

enum request_kind {
    REQUEST_SEND,
    REQUEST_LIST,
    REQUEST_USER_CREATE,
    REQUEST_USERS,
    REQUEST_SET_PASSWORD,
    REQUEST_AUTH,
    REQUEST_TOKEN,
    REQUEST_CLUSTER
};

enum { REQUEST_QUERIES = 2 };

/* The fields after `deadline_us` belong to the I/O thread until the request is completed. */
struct request {
    enum request_kind kind;
    struct engine *engine;
    dlg_callback callback;
    void *payload;
    bool awaited; /* by a blocking call, on `finished` */
    sem_t finished;
    _Atomic int references;
    size_t bytes;                             /* counted against the queue */
    int64_t deadline_us;                      /* monotonic */
    void (*step)(struct request *request);    /* what to do on the I/O thread when nothing is outstanding */
    void (*destroy)(struct request *request); /* frees what the module added, not the request; or NULL */
    /* When it is completed: frees what only the way there needed, and returns how much the reply holds; or NULL. */
    size_t (*settle)(struct request *request);

    TAILQ_ENTRY(request) link; /* incoming, active, or waiting to be taken as a reply */
    SLIST_ENTRY(request) resumed;
    bool done;
    unsigned outstanding;  /* queries and jobs under way */
    dlg_error *error;      /* the outcome */
    dlg_error *last_error; /* why it was tried again last */
    struct query queries[REQUEST_QUERIES];
};

TAILQ_HEAD(request_list, request);
SLIST_HEAD(resumed_list, request);

/* Zeroed memory for a request that is the first member of a struct of `size` bytes; NULL when out of memory. */
void *request_new(size_t size, enum request_kind kind);

/* The same, but only the first bytes are zeroed: for what ends with something large that is filled in anyhow. */
void *request_new_part(size_t size, size_t zeroed, enum request_kind kind);

void request_hold(struct request *request);

/* For a request's step: a job was started that will call engine_resume(). */
void engine_expect(struct request *request);

/* Gives a reference up. */
void request_release(struct request *request); /* any thread; frees with the last reference */

/* The request behind a reply of this kind that succeeded, or NULL. */
const struct request *reply_as(const dlg_reply *reply, enum request_kind kind);

/* The fate of what a failed request wanted to write. */
dlg_fate request_fate(const struct request *request);

#endif
