/* calls.c - clients that close safely, loaders, and calls that wait without the GIL. */
#include "binding.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* ---- Progress callbacks ---- */

static _Thread_local unsigned progress_depth;

void progress_enter(void)
{
    progress_depth++;
}

void progress_leave(void)
{
    progress_depth--;
}

/* ---- Clients ---- */

static const char handle_name[] = "dialogs.client";

static void handle_destroy(PyObject *capsule)
{
    struct handle *handle = PyCapsule_GetPointer(capsule, handle_name);
    dlg_client *client = handle->client;
    if (client) {
        PyThreadState *state = PyEval_SaveThread();
        dlg_close(NULL, client, 0);
        PyEval_RestoreThread(state);
    }
    sem_destroy(&handle->idle);
    free(handle);
}

PyObject *handle_capsule(dlg_client *client)
{
    struct handle *handle = calloc(1, sizeof *handle);
    PyObject *capsule = NULL;
    if (handle && sem_init(&handle->idle, 0, 0) == 0) {
        handle->client = client;
        capsule = PyCapsule_New(handle, handle_name, handle_destroy);
    } else {
        PyErr_NoMemory();
    }
    if (!capsule) {
        dlg_close_now(NULL, client);
        free(handle);
    }
    return capsule;
}

struct handle *handle_enter(PyObject *capsule)
{
    struct handle *handle = PyCapsule_GetPointer(capsule, handle_name);
    if (!handle)
        return NULL;
    if (!handle->client) {
        value_raise(DLG_E_CLOSED, NULL);
        return NULL;
    }
    handle->users++;
    return handle;
}

void handle_leave(struct handle *handle)
{
    if (handle && --handle->users == 0 && handle->closing)
        sem_post(&handle->idle);
}

bool handle_is_open(PyObject *capsule)
{
    struct handle *handle = PyCapsule_GetPointer(capsule, handle_name);
    return handle && handle->client;
}

PyObject *handle_state(PyObject *capsule)
{
    dlg_connection_state state = DLG_CONNECTION_STATE_CLOSED;
    dlg_error *last = NULL;
    struct handle *handle = PyCapsule_GetPointer(capsule, handle_name);
    if (!handle)
        return NULL;
    if (handle->client)
        dlg_connection_state_get(&state, &last, handle->client);
    PyObject *failure = last ? value_from_error(dlg_error_code(last), last) : Py_NewRef(Py_None);
    dlg_error_free(last);
    return failure ? Py_BuildValue("iN", (int)state, failure) : NULL;
}

static void handle_wait(struct handle *handle)
{
    handle->closing = true;
    while (handle->users > 0) {
        PyThreadState *state = PyEval_SaveThread();
        while (sem_wait(&handle->idle) != 0 && errno == EINTR)
            ;
        PyEval_RestoreThread(state);
    }
}

/* NULL with an exception set within a progress callback: the work that calls back would wait for itself. */
static struct handle *handle_to_end(PyObject *capsule)
{
    struct handle *handle = PyCapsule_GetPointer(capsule, handle_name);
    if (!handle || progress_depth == 0)
        return handle;
    value_raise(DLG_E_STATE, NULL);
    return NULL;
}

PyObject *handle_shutdown(PyObject *capsule, int64_t timeout_us)
{
    struct handle *handle = handle_to_end(capsule);
    if (!handle)
        return NULL;
    dlg_client *client = handle->client;
    if (!client || handle->closing)
        Py_RETURN_NONE;
    handle->users++;
    PyThreadState *state = PyEval_SaveThread();
    int code = dlg_shutdown(NULL, client, timeout_us);
    PyEval_RestoreThread(state);
    handle_leave(handle);
    if (code != DLG_OK && code != DLG_E_FORKED) {
        value_raise(code, NULL);
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *handle_close(PyObject *capsule, int64_t timeout_us)
{
    struct handle *handle = handle_to_end(capsule);
    if (!handle)
        return NULL;
    dlg_client *client = handle->client;
    if (!client)
        return PyLong_FromLong(0);
    size_t left;
    int code;
    handle->client = NULL;
    handle_wait(handle);
    PyThreadState *state = PyEval_SaveThread();
    code = dlg_close(&left, client, timeout_us);
    PyEval_RestoreThread(state);
    if (code == DLG_OK)
        return PyLong_FromSize_t(left);
    handle->client = client;
    handle->closing = false;
    value_raise(code, NULL);
    return NULL;
}

/* ---- Loaders ---- */

static const char loader_name[] = "dialogs.loader";

/* A capsule's pointer is never NULL, so it leads to the loader's. */
static void loader_destroy(PyObject *capsule)
{
    loader_discard(capsule);
    free(PyCapsule_GetPointer(capsule, loader_name));
}

PyObject *loader_capsule(dlg_loader *loader)
{
    dlg_loader **place = malloc(sizeof *place);
    PyObject *capsule = place ? PyCapsule_New(place, loader_name, loader_destroy) : NULL;
    if (capsule) {
        *place = loader;
        return capsule;
    }
    if (!place)
        PyErr_NoMemory();
    free(place);
    dlg_loader_free(loader);
    return NULL;
}

dlg_loader *loader_from_capsule(PyObject *capsule)
{
    dlg_loader **place = PyCapsule_GetPointer(capsule, loader_name);
    if (place && !*place)
        value_raise(DLG_E_CLOSED, NULL);
    return place ? *place : NULL;
}

void loader_discard(PyObject *capsule)
{
    dlg_loader **place = PyCapsule_GetPointer(capsule, loader_name);
    if (!place || !*place)
        return;
    dlg_loader *loader = *place;
    *place = NULL;
    PyThreadState *state = PyEval_SaveThread();
    dlg_loader_free(loader);
    PyEval_RestoreThread(state);
}

/* ---- Calls ---- */

static const char call_name[] = "dialogs.call";

/* Any thread, with or without the GIL. */
static void call_release(struct call *call)
{
    if (atomic_fetch_sub(&call->references, 1) > 1)
        return;
    dlg_reply_free(call->reply);
    sem_destroy(&call->done);
    free(call);
}

static void call_destroy(PyObject *capsule)
{
    struct call *call = PyCapsule_GetPointer(capsule, call_name);
    atomic_store(&call->abandoned, true);
    Py_CLEAR(call->progress);
    call_release(call);
}

PyObject *call_new(PyObject *progress, bool queued)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call || sem_init(&call->done, 0, 0) != 0) {
        free(call);
        return PyErr_NoMemory();
    }
    atomic_init(&call->references, 1);
    call->queued = queued;
    call->progress = progress == Py_None ? NULL : Py_NewRef(progress);
    PyObject *capsule = PyCapsule_New(call, call_name, call_destroy);
    if (!capsule) {
        Py_CLEAR(call->progress);
        call_release(call);
    }
    return capsule;
}

struct call *call_from_capsule(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, call_name);
}

void call_start(struct call *call)
{
    if (!call->queued)
        atomic_fetch_add(&call->references, 1);
}

void call_refused(struct call *call)
{
    if (!call->queued)
        call_release(call);
}

dlg_callback call_callback(const struct call *call)
{
    return call->queued ? NULL : call_complete;
}

/* On the library's thread: it never waits for the GIL here, so it cannot hang while Python ends. */
void call_complete(dlg_reply *reply, void *payload)
{
    struct call *call = payload;
    call->reply = reply;
    sem_post(&call->done);
    call_release(call);
}

/* True when the reply is there. A signal that came just before the wait is seen after a part of it. */
static bool call_wait_part(struct call *call)
{
    struct timespec until;
    int code;
    PyThreadState *state = PyEval_SaveThread();
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1;
    code = sem_clockwait(&call->done, CLOCK_MONOTONIC, &until);
    PyEval_RestoreThread(state);
    return code == 0;
}

PyObject *call_wait(PyObject *capsule)
{
    struct call *call = call_from_capsule(capsule);
    if (!call)
        return NULL;
    while (!call_wait_part(call))
        if (PyErr_CheckSignals() < 0)
            return NULL;
    dlg_reply *reply = call->reply;
    call->reply = NULL;
    return value_from_reply(reply);
}

PyObject *call_key(PyObject *capsule)
{
    return PyLong_FromVoidPtr(call_from_capsule(capsule));
}

void call_abandon(PyObject *capsule)
{
    struct call *call = call_from_capsule(capsule);
    if (call)
        atomic_store(&call->abandoned, true);
}

PyObject *call_take(PyObject *capsule)
{
    struct handle *handle = handle_enter(capsule);
    if (!handle)
        return NULL;
    dlg_reply *reply = dlg_reply_poll(handle->client);
    handle_leave(handle);
    if (!reply)
        Py_RETURN_NONE;
    void *key = dlg_reply_payload(reply);
    PyObject *value = value_from_reply(reply), *failure = NULL;
    if (!value) {
        PyObject *type, *trace;
        PyErr_Fetch(&type, &failure, &trace);
        PyErr_NormalizeException(&type, &failure, &trace);
        Py_XDECREF(type);
        Py_XDECREF(trace);
    }
    return Py_BuildValue("NNN", PyLong_FromVoidPtr(key), failure ? failure : Py_NewRef(Py_None),
                         value ? value : Py_NewRef(Py_None));
}
