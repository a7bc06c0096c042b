/*
 * binding.h - what the wrappers that SWIG makes stand on: clients that close safely, calls that wait without the
 * GIL, and values of Python made from the library's.
 *
 * Every function here is called with the GIL, but for call_complete().
 */
#ifndef DIALOGS_PYTHON_BINDING_H
#define DIALOGS_PYTHON_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dialogs.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

/* ---- Values ---- */

/* The classes of the package: what makes an exception, uuid.UUID, Message, Page and Receipt. */
void values_bind(PyObject *make_error, PyObject *uuid, PyObject *message, PyObject *page, PyObject *receipt);

/* The exception of an error; and the same, set. NULL: of the code alone. */
PyObject *value_from_error(int code, const dlg_error *error);
void value_raise(int code, const dlg_error *error);

/* False with an exception set. A UUID comes from uuid.UUID or its text; a text from str or bytes. */
bool value_to_uuid(PyObject *object, dlg_uuid *uuid);
bool value_to_text(PyObject *object, const char **text, size_t *length);
bool value_to_string(PyObject *object, const char **string); /* of str, ended by NUL; NULL of None */

/* New references, or NULL with an exception set. */
PyObject *value_from_uuid(const dlg_uuid *uuid);
PyObject *value_from_time(int64_t time_us);         /* an aware datetime */
PyObject *value_from_time_or_none(int64_t time_us); /* None for 0 */
PyObject *value_from_page(const dlg_page *page);
PyObject *value_from_receipt(const dlg_receipt *receipt);
PyObject *value_from_text(char *text); /* frees it */

/* What a reply holds; takes the reply over. One with a list or a cluster's state stays, as a capsule. */
PyObject *value_from_reply(dlg_reply *reply);
PyObject *reply_capsule(dlg_reply *reply);
dlg_reply *reply_from_capsule(PyObject *capsule);

/* One more output of a function: it takes the place of DLG_OK. Takes `value` over. */
PyObject *value_append(PyObject *result, PyObject *value);

/* ---- Progress callbacks ---- */

/* Around each: no client may be closed inside. */
void progress_enter(void);
void progress_leave(void);

/* ---- The log ---- */

/* Lines up to this level of what the settings' clients do go into the queue. A code. */
int log_listen(dlg_settings *settings, int level);

/* The next line: (level, subsystem, text or None, how many were lost before it). Waits for a moment, without the GIL.
 */
PyObject *log_take(void);

/* Whoever waits is woken; a forked child begins anew. */
void log_end(void);
void log_forked(void);

/* ---- Clients ---- */

/* A client, and how many calls without the GIL use it at this moment: it is freed after them. */
struct handle {
    dlg_client *client; /* NULL: closed */
    unsigned users;
    bool closing;
    sem_t idle;
};

PyObject *handle_capsule(dlg_client *client);
struct handle *handle_enter(PyObject *capsule); /* NULL with an exception set when it is closed */
void handle_leave(struct handle *handle);       /* NULL is fine */

/* Ends what is under way on other threads, and refuses more; None. After a close it does nothing. */
PyObject *handle_shutdown(PyObject *capsule, int64_t timeout_us);

/* How many requests were cut off; NULL with an exception set. A second close does nothing. */
PyObject *handle_close(PyObject *capsule, int64_t timeout_us);
bool handle_is_open(PyObject *capsule);
PyObject *handle_state(PyObject *capsule); /* (state, why the last connection failed or None) */

/* ---- Loaders ---- */

PyObject *loader_capsule(dlg_loader *loader);
dlg_loader *loader_from_capsule(PyObject *capsule);
void loader_discard(PyObject *capsule); /* more than once is fine */

/* ---- Calls ---- */

/*
 * An asynchronous call from its start to its reply. Python holds one reference, by a capsule; the library holds
 * another one until call_complete(), unless the reply goes to the client's queue.
 */
struct call {
    atomic_int references;
    atomic_bool abandoned; /* nobody waits any more: a progress callback stops the work */
    bool queued;           /* the reply goes to the client's queue */
    sem_t done;
    dlg_reply *reply;
    PyObject *progress; /* what to call, or NULL; touched with the GIL only */
};

PyObject *call_new(PyObject *progress, bool queued);
struct call *call_from_capsule(PyObject *capsule);
void call_start(struct call *call);   /* before the library has it */
void call_refused(struct call *call); /* the library did not take it */
dlg_callback call_callback(const struct call *call);
void call_complete(dlg_reply *reply, void *payload);

/* Waits, without the GIL, and returns what the reply holds. Signals are seen meanwhile. */
PyObject *call_wait(PyObject *capsule);

/* The next reply in the queue: (key of its call, exception or None, value), or None. */
PyObject *call_take(PyObject *capsule);
PyObject *call_key(PyObject *capsule);
void call_abandon(PyObject *capsule);

#endif
