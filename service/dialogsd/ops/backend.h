/* backend.h - the library's client behind the service: opening, readiness, and closing it while requests come in. */
#ifndef DIALOGSD_BACKEND_H
#define DIALOGSD_BACKEND_H

#include "ops/config.h"

#include <dialogs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct backend {
    dlg_client *client;
    dlg_client *search; /* another one, so that no search stands before somebody's list */
    const struct config *config;
    atomic_bool installed; /* the tables are there, and the demo users when wanted */
    atomic_bool draining;  /* the service is about to stop */
    atomic_bool closing;   /* no call into the library begins any more */
    atomic_uint calls;     /* threads that are between enter and leave */
    pthread_t preparer;
    bool preparing; /* the thread above is to be joined */
    bool was_ready;
    char keys_trouble[512]; /* what was said last of the signing keys; the main thread's */
    size_t keys_removed;
    atomic_int fatal; /* DLG_E_*: it makes no sense to go on */
};

/* Whether a client could be opened with these words, whatever the database does. False: says why not. */
bool backend_check(const struct config *config);

/*
 * Opens the client and starts what prepares the database in the background: the schema, and the
 * demo users. False, having said why, when that cannot come to good.
 */
bool backend_open(struct backend *backend, const struct config *config);

/*
 * Every use of `backend->client` stands between these two. Enter says false when the client is
 * being closed; then there is no leave.
 */
bool backend_enter(struct backend *backend);
void backend_leave(struct backend *backend);

/* NULL when requests can be served, else one line that says why not. */
const char *backend_trouble(struct backend *backend);

/* Says on stderr when the database went away or came back, and what became of the signing keys. For the main thread,
 * now and then. */
void backend_watch(struct backend *backend);

/* How many signing keys there are, and were taken away. False: their file cannot be used as it is now. */
bool backend_keys(struct backend *backend, size_t *count, size_t *removed);

/* Closes the client; requests under way get no more time. */
void backend_close(struct backend *backend);

#endif
