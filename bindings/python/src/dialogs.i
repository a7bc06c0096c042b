/*
 * dialogs.i - what Python sees of dialogs.h, the very file. Here stands how parameters and results turn into values
 * of Python; the package `dialogs` makes methods of it.
 */
%module(package="dialogs", threads="1") native

%{
#include "binding.h"
%}

%begin %{
#define PY_SSIZE_T_CLEAN
%}

%include <stdint.i>
%include "docs.i" /* made from the header's comments */

/* ---- What has another form in Python ---- */

/* Blocking calls are made of the asynchronous ones, so that a signal ends the wait; iteration is by pages. */
%ignore dlg_send;
%ignore dlg_list;
%ignore dlg_iterate;
%ignore dlg_iterator_next;
%ignore dlg_iterator_cursor;
%ignore dlg_iterator_free;
%ignore dlg_user_create;
%ignore dlg_user_get;
%ignore dlg_user_search;
%ignore dlg_user_set_password;
%ignore dlg_auth;
%ignore dlg_token_check;
%ignore dlg_token_fresh;
%ignore dlg_token_revoke;
%ignore dlg_cluster_status;
%ignore dlg_cluster_distribute;
%ignore dlg_cluster_undistribute;
%ignore dlg_cluster_add_node;
%ignore dlg_cluster_rebalance;
%ignore dlg_cluster_rebalance_wait;
%ignore dlg_cluster_rebalance_cancel;
%ignore dlg_cluster_remove_node;
%ignore dlg_cluster_isolate;

%ignore dlg_feed;

/* For services that deliver messages as they are stored, and watch their keys; programs in Python follow pages. */
%ignore dlg_feed_cursor;
%ignore dlg_page_cursor;
%ignore dlg_token_keys;

/* A callback on the library's threads would have to wait for Python's lock: see log_lines.c. */
%ignore dlg_settings_log;
%ignore dlg_log_fn;
%ignore dlg_log_level_name;
%ignore dlg_connection_state_get; /* see handle_state() */
%ignore dlg_connection_state_name;

/* Values are made of whole replies, errors are exceptions, Python frees. */
%ignore dlg_error_code;
%ignore dlg_error_message;
%ignore dlg_error_sqlstate;
%ignore dlg_error_retriable;
%ignore dlg_error_fate;
%ignore dlg_error_free;
%ignore dlg_free;
%ignore dlg_reply_code;
%ignore dlg_reply_error;
%ignore dlg_reply_payload;
%ignore dlg_reply_free;
%ignore dlg_reply_poll;
%ignore dlg_reply_next;
%ignore dlg_reply_page;
%ignore dlg_reply_receipt;
%ignore dlg_reply_token;
%ignore dlg_reply_user_id;
%ignore dlg_reply_shard;
%ignore dlg_page_count;
%ignore dlg_page_at;
%ignore dlg_page_has_more;
%ignore dlg_page_free;
%ignore dlg_page_before;
%ignore dlg_page_after;
%ignore dlg_users_free;
%ignore dlg_cluster_free;
%ignore dlg_rebalance_free;
%ignore dlg_loader_free;
%ignore dlg_close;
%ignore dlg_close_now;
%ignore dlg_shutdown;
%ignore dlg_uuid_parse;
%ignore dlg_uuid_format;
%ignore dlg_uuid_random;
%ignore dlg_uuid_compare;

/* Structs that are filled by typemaps. */
%ignore dlg_uuid;
%ignore dlg_message;
%ignore dlg_message_input;
%ignore dlg_message_input_init;
%ignore dlg_stats_init;
%ignore dlg_send_options_init;
%ignore dlg_receipt_init;
%ignore dlg_list_options_init;
%ignore dlg_user_init;
%ignore dlg_progress_init;
%ignore dlg_distribute_options_init;
%ignore dlg_node_options_init;
%ignore dlg_rebalance_options_init;
%ignore dlg_isolate_options_init;
%ignore dlg_receipt;
%ignore dlg_send_options;
%ignore dlg_list_options;
%ignore dlg_distribute_options;
%ignore dlg_node_options;
%ignore dlg_rebalance_options;
%ignore dlg_isolate_options;
%ignore DLG_NTS;

/* Whatever is handed out is read only. */
%immutable;
%nodefaultctor;
%nodefaultdtor;

/* ---- Errors ---- */

%typemap(in, numinputs=0) dlg_error **error (dlg_error *detail = NULL) "$1 = &detail;"
%typemap(argout) dlg_error **error {
    if (result != DLG_OK) {
        Py_XDECREF($result);
        $result = NULL;
        value_raise(result, *$1);
        dlg_error_free(*$1);
        SWIG_fail;
    }
}

/* ---- Values ---- */

%typemap(in) const dlg_uuid * (dlg_uuid value) {
    if (!value_to_uuid($input, &value))
        SWIG_fail;
    $1 = &value;
}
%typemap(in, numinputs=0) dlg_uuid *user (dlg_uuid value) "$1 = &value;"
%typemap(argout) dlg_uuid *user "if (result == DLG_OK) $result = value_append($result, value_from_uuid($1));"
%typemap(argout) const dlg_uuid *user "" /* is an input, and would fall to the one above */
%typemap(out) dlg_uuid * "$result = value_from_uuid($1);"

%typemap(in, numinputs=0) int64_t *expires_us (int64_t value) "$1 = &value;"
%typemap(argout) int64_t *expires_us "if (result == DLG_OK && $result) $result = value_append($result, value_from_time(*$1));"

%typemap(in, numinputs=0) int *version (int value) "$1 = &value;"
%typemap(argout) int *version "if (result == DLG_OK) $result = value_append($result, PyLong_FromLong(*$1));"

%typemap(in, numinputs=0) char **token (char *value = NULL), char **hash (char *value = NULL) "$1 = &value;"
%typemap(argout) char **token, char **hash "if (*$1) $result = value_append($result, value_from_text(*$1));"

%typemap(in) (const char *password, size_t length), (const char *token, size_t length),
             (const char *text, size_t length) {
    if (!value_to_text($input, (const char **)&$1, &$2))
        SWIG_fail;
}

%typemap(in) const char * {
    if (!value_to_string($input, (const char **)&$1))
        SWIG_fail;
}
%typemap(freearg) const char * ""

%typemap(in, numinputs=0) dlg_stats *stats (dlg_stats value = DLG_STATS_INIT) "$1 = &value;"
%typemap(argout) dlg_stats *stats {
    if (result != DLG_OK) {
        value_raise(result, NULL);
        SWIG_fail;
    }
    dlg_stats *copy = malloc(sizeof *copy);
    if (copy)
        *copy = *$1;
    $result = value_append($result, SWIG_NewPointerObj(copy, SWIGTYPE_p_dlg_stats, SWIG_POINTER_OWN));
}
%typemap(out) uint64_t batch_sizes[ANY] {
    $result = PyTuple_New($1_dim0);
    for (Py_ssize_t i = 0; $result && i < $1_dim0; i++)
        PyTuple_SetItem($result, i, PyLong_FromUnsignedLongLong($1[i]));
}
%extend dlg_stats {
    ~dlg_stats() { free($self); }
}

/* ---- Clients, loaders and calls ---- */

%typemap(in) dlg_client *client (struct handle *handle = NULL) {
    handle = handle_enter($input);
    if (!handle)
        SWIG_fail;
    $1 = handle->client;
}
%typemap(freearg) dlg_client *client "handle_leave(handle$argnum);"
%typemap(in, numinputs=0) dlg_client **client (dlg_client *value = NULL) "$1 = &value;"
%typemap(argout) dlg_client **client "if (*$1) $result = value_append($result, handle_capsule(*$1));"

%typemap(in) dlg_loader *loader, const dlg_loader *loader {
    $1 = loader_from_capsule($input);
    if (!$1)
        SWIG_fail;
}
%typemap(in, numinputs=0) dlg_loader **loader (dlg_loader *value = NULL) "$1 = &value;"
%typemap(argout) dlg_loader **loader "if (*$1) $result = value_append($result, loader_capsule(*$1));"
%typemap(in, numinputs=0) dlg_progress *progress (dlg_progress value = DLG_PROGRESS_INIT) "$1 = &value;"
%typemap(argout) dlg_progress *progress {
    $result = value_append($result, SWIG_NewPointerObj(memcpy(malloc(sizeof *$1), $1, sizeof *$1),
                                                       SWIGTYPE_p_dlg_progress, SWIG_POINTER_OWN));
}
%extend dlg_progress {
    ~dlg_progress() { free($self); }
}

%typemap(in) const dlg_reply *reply {
    $1 = reply_from_capsule($input);
    if (!$1)
        SWIG_fail;
}

%{
/* Progress callbacks run on whatever thread does the work, which has no GIL there. */
static int progress_step(struct call *call, void *progress, swig_type_info *type)
{
    if (atomic_load(&call->abandoned))
        return 1;
    PyGILState_STATE state = PyGILState_Ensure();
    int stop = 0;
    if (call->progress) {
        PyObject *object = SWIG_NewPointerObj(progress, type, 0);
        progress_enter();
        PyObject *answer = object ? PyObject_CallOneArg(call->progress, object) : NULL;
        progress_leave();
        stop = !answer || PyObject_IsTrue(answer) != 0;
        if (!answer)
            PyErr_WriteUnraisable(call->progress);
        Py_XDECREF(answer);
        Py_XDECREF(object);
    }
    PyGILState_Release(state);
    return stop;
}

static int bulk_progress(const dlg_progress *progress, void *payload)
{
    return progress_step(payload, (void *)(uintptr_t)progress, SWIGTYPE_p_dlg_progress);
}

static int cluster_progress(const dlg_cluster_progress *progress, void *payload)
{
    return progress_step(payload, (void *)(uintptr_t)progress, SWIGTYPE_p_dlg_cluster_progress);
}
%}

%typemap(in) (dlg_progress_fn progress, void *payload) {
    $2 = call_from_capsule($input);
    if (!$2)
        SWIG_fail;
    $1 = bulk_progress;
}
%typemap(in) (dlg_callback callback, void *payload) {
    $2 = call_from_capsule($input);
    if (!$2)
        SWIG_fail;
    $1 = call_callback($2);
    call_start($2);
}
%typemap(in) (dlg_cluster_progress_fn progress, dlg_callback callback, void *payload) {
    $3 = call_from_capsule($input);
    if (!$3)
        SWIG_fail;
    $1 = cluster_progress;
    $2 = call_callback($3);
    call_start($3);
}
%typemap(in) const void *payload {
    $1 = call_from_capsule($input);
    if (!$1)
        SWIG_fail;
}
%typemap(argout) (dlg_callback callback, void *payload) "if (result != DLG_OK) call_refused($2);"
%typemap(argout) (dlg_cluster_progress_fn progress, dlg_callback callback, void *payload)
    "if (result != DLG_OK) call_refused($3);"

/* ---- Options: tuples ---- */

%typemap(in) const dlg_send_options *options (dlg_send_options value = DLG_SEND_OPTIONS_INIT) {
    $1 = NULL;
    if ($input != Py_None) {
        Py_ssize_t size;
        if (!PyArg_ParseTuple($input, "ILz#:send", &value.flags, &value.timeout_us, &value.key, &size))
            SWIG_fail;
        value.key_length = (size_t)size;
        $1 = &value;
    }
}
%typemap(in) const dlg_list_options *options (dlg_list_options value = DLG_LIST_OPTIONS_INIT) {
    $1 = &value;
    if (!PyArg_ParseTuple($input, "izzL:list", &value.limit, &value.before, &value.after, &value.timeout_us))
        SWIG_fail;
}
%typemap(in) const dlg_distribute_options *options (dlg_distribute_options value = DLG_DISTRIBUTE_OPTIONS_INIT) {
    $1 = &value;
    if (!PyArg_ParseTuple($input, "iL:distribute", &value.shard_count, &value.timeout_us))
        SWIG_fail;
}
%typemap(in) const dlg_node_options *options (dlg_node_options value = DLG_NODE_OPTIONS_INIT) {
    $1 = &value;
    if (!PyArg_ParseTuple($input, "IziL:add_node", &value.flags, &value.coordinator_host, &value.coordinator_port,
                          &value.timeout_us))
        SWIG_fail;
}
%typemap(in) const dlg_rebalance_options *options (dlg_rebalance_options value = DLG_REBALANCE_OPTIONS_INIT) {
    int strategy, mode;
    $1 = &value;
    if (!PyArg_ParseTuple($input, "IiiiL:rebalance", &value.flags, &strategy, &mode, &value.retries,
                          &value.timeout_us))
        SWIG_fail;
    value.strategy = (dlg_rebalance_strategy)strategy;
    value.mode = (dlg_transfer_mode)mode;
}
%typemap(in) const dlg_isolate_options *options (dlg_isolate_options value = DLG_ISOLATE_OPTIONS_INIT) {
    int mode;
    $1 = &value;
    if (!PyArg_ParseTuple($input, "iziL:isolate", &mode, &value.host, &value.port, &value.timeout_us))
        SWIG_fail;
    value.mode = (dlg_transfer_mode)mode;
}
%typemap(in) const dlg_user *user (dlg_user value = DLG_USER_INIT) {
    PyObject *id;
    $1 = &value;
    if (!PyArg_ParseTuple($input, "Ozzzzz:user", &id, &value.first_name, &value.second_name, &value.birthdate,
                          &value.biography, &value.city) ||
        (id != Py_None && !value_to_uuid(id, &value.id)))
        SWIG_fail;
}
%typemap(in) const dlg_message_input *message (dlg_message_input value = DLG_MESSAGE_INPUT_INIT) {
    PyObject *author, *recipient, *text;
    long long id, created_us, updated_us;
    Py_ssize_t key_size;
    $1 = &value;
    if (!PyArg_ParseTuple($input, "LOOOLLz#:message", &id, &author, &recipient, &text, &created_us, &updated_us,
                          &value.key, &key_size) ||
        !value_to_uuid(author, &value.author) || !value_to_uuid(recipient, &value.recipient) ||
        !value_to_text(text, &value.text, &value.length))
        SWIG_fail;
    value.id = id;
    value.created_us = created_us;
    value.updated_us = updated_us;
    value.key_length = (size_t)key_size;
}

/* ---- The GIL ---- */

/* Kept during what does not wait: giving it up would cost more. */
%nothread dlg_version;
%nothread dlg_version_number;
%nothread dlg_has_feature;
%nothread dlg_code_name;
%nothread dlg_job_state_name;
%nothread dlg_settings_new;
%nothread dlg_settings_set;
%nothread dlg_settings_get;
%nothread dlg_settings_free;
%nothread dlg_setting_count;
%nothread dlg_setting_at;
%nothread dlg_ready;
%nothread dlg_stats_get;
%nothread dlg_reply_fd;
%nothread dlg_cancel;
%nothread dlg_thread_timeout;
%nothread dlg_send_async;
%nothread dlg_list_async;
%nothread dlg_feed_async;
%nothread dlg_user_create_async;
%nothread dlg_user_get_async;
%nothread dlg_user_search_async;
%nothread dlg_user_set_password_async;
%nothread dlg_auth_async;
%nothread dlg_token_check_async;
%nothread dlg_token_revoke_async;
%nothread dlg_loader_progress;
%nothread dlg_reply_users;
%nothread dlg_users_count;
%nothread dlg_users_at;

%include <dialogs.h>

/* ---- The binding's own ---- */

%nothread;
%rename(bind) values_bind;
void values_bind(PyObject *make_error, PyObject *uuid, PyObject *message, PyObject *page, PyObject *receipt);
%rename(close) handle_close;
PyObject *handle_close(PyObject *capsule, int64_t timeout_us);
%rename(shutdown) handle_shutdown;
PyObject *handle_shutdown(PyObject *capsule, int64_t timeout_us);
%rename(is_open) handle_is_open;
bool handle_is_open(PyObject *capsule);
int log_listen(dlg_settings *settings, int level);
PyObject *log_take(void);
void log_end(void);
void log_forked(void);
PyObject *call_new(PyObject *progress, bool queued);
PyObject *call_wait(PyObject *capsule);
PyObject *call_take(PyObject *capsule);
PyObject *handle_state(PyObject *capsule);
PyObject *call_key(PyObject *capsule);
void call_abandon(PyObject *capsule);
void loader_discard(PyObject *capsule);
PyObject *value_from_time_or_none(int64_t time_us);
