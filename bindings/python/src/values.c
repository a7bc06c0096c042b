/* values.c - the library's values as Python's, and back. */
#include "binding.h"

#include <datetime.h>
#include <string.h>

static PyObject *make_error_function;
static PyObject *uuid_class;
static PyTypeObject *message_class;
static PyTypeObject *page_class;
static PyTypeObject *receipt_class;

void values_bind(PyObject *make_error, PyObject *uuid, PyObject *message, PyObject *page, PyObject *receipt)
{
    PyDateTime_IMPORT;
    make_error_function = Py_NewRef(make_error);
    uuid_class = Py_NewRef(uuid);
    message_class = (PyTypeObject *)Py_NewRef(message);
    page_class = (PyTypeObject *)Py_NewRef(page);
    receipt_class = (PyTypeObject *)Py_NewRef(receipt);
}

/* ---- Errors ---- */

PyObject *value_from_error(int code, const dlg_error *error)
{
    return PyObject_CallFunction(make_error_function, "issii", code, dlg_error_message(error),
                                 dlg_error_sqlstate(error), dlg_error_retriable(error), (int)dlg_error_fate(error));
}

void value_raise(int code, const dlg_error *error)
{
    PyObject *object = value_from_error(code, error);
    if (object)
        PyErr_SetObject((PyObject *)Py_TYPE(object), object);
    Py_XDECREF(object);
}

/* What the binding itself refuses. */
static void raise_made(int code, const char *message)
{
    PyObject *object = PyObject_CallFunction(make_error_function, "is", code, message);
    if (object)
        PyErr_SetObject((PyObject *)Py_TYPE(object), object);
    Py_XDECREF(object);
}

/* A text that has no UTF-8 form, such as a lone surrogate, is the library's own kind of error. */
static void raise_encoding(void)
{
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return;
    PyObject *type, *cause, *trace;
    PyErr_Fetch(&type, &cause, &trace);
    PyErr_NormalizeException(&type, &cause, &trace);
    PyObject *object = PyObject_CallFunction(make_error_function, "is", DLG_E_TEXT,
                                             "the text has no UTF-8 form; remove the lone surrogates");
    if (object && cause)
        PyException_SetCause(object, Py_NewRef(cause));
    if (object)
        PyErr_SetObject((PyObject *)Py_TYPE(object), object);
    Py_XDECREF(object);
    Py_XDECREF(type);
    Py_XDECREF(cause);
    Py_XDECREF(trace);
}

/* ---- From Python ---- */

static bool uuid_from_text(PyObject *object, dlg_uuid *uuid)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(object, &length);
    if (!text) {
        raise_encoding();
        return false;
    }
    if (dlg_uuid_parse(uuid, text, (size_t)length) == DLG_OK)
        return true;
    raise_made(DLG_E_ARGUMENT, "not a UUID: write it in the form of 36 characters");
    return false;
}

bool value_to_uuid(PyObject *object, dlg_uuid *uuid)
{
    if (PyUnicode_Check(object))
        return uuid_from_text(object, uuid);
    int is_uuid = PyObject_IsInstance(object, uuid_class);
    if (is_uuid <= 0) {
        if (is_uuid == 0)
            PyErr_Format(PyExc_TypeError, "a user is a uuid.UUID or its text, not %.100s", Py_TYPE(object)->tp_name);
        return false;
    }
    PyObject *bytes = PyObject_GetAttrString(object, "bytes");
    bool good = bytes && PyBytes_Check(bytes) && PyBytes_GET_SIZE(bytes) == (Py_ssize_t)sizeof uuid->bytes;
    if (good)
        memcpy(uuid->bytes, PyBytes_AS_STRING(bytes), sizeof uuid->bytes);
    else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "this UUID has no 16 bytes");
    Py_XDECREF(bytes);
    return good;
}

bool value_to_text(PyObject *object, const char **text, size_t *length)
{
    Py_ssize_t size = 0;
    if (PyUnicode_Check(object)) {
        *text = PyUnicode_AsUTF8AndSize(object, &size);
        if (!*text)
            raise_encoding();
    } else if (PyBytes_Check(object)) {
        *text = PyBytes_AS_STRING(object);
        size = PyBytes_GET_SIZE(object);
    } else {
        *text = NULL;
        PyErr_Format(PyExc_TypeError, "a text is str, or bytes of UTF-8, not %.100s", Py_TYPE(object)->tp_name);
    }
    *length = (size_t)size;
    return *text != NULL;
}

bool value_to_string(PyObject *object, const char **string)
{
    Py_ssize_t length = 0;
    *string = NULL;
    if (object == Py_None)
        return true;
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "this takes str, not %.100s", Py_TYPE(object)->tp_name);
        return false;
    }
    *string = PyUnicode_AsUTF8AndSize(object, &length);
    if (!*string)
        raise_encoding();
    else if (strlen(*string) != (size_t)length)
        raise_made(DLG_E_ARGUMENT, "a NUL cannot be part of this text; remove it");
    return !PyErr_Occurred();
}

/* ---- To Python ---- */

PyObject *value_from_uuid(const dlg_uuid *uuid)
{
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)uuid->bytes, sizeof uuid->bytes);
    PyObject *object = bytes ? PyObject_CallFunctionObjArgs(uuid_class, Py_None, bytes, NULL) : NULL;
    Py_XDECREF(bytes);
    return object;
}

/* The Gregorian date of a day since 1970-01-01: days are counted in eras of 400 years that begin in March. */
static void date_of_day(int64_t day, int *year, int *month, int *day_of_month)
{
    day += 719468;
    int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    int64_t of_era = day - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * of_year + 2) / 153;
    *day_of_month = (int)(of_year - (153 * from_march + 2) / 5 + 1);
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

/* What lies outside the years 1 to 9999, such as 'infinity', is their first or last moment. */
static int64_t within_calendar(int64_t time_us)
{
    const int64_t first_us = INT64_C(-62135596800000000), last_us = INT64_C(253402300799999999);
    return time_us < first_us ? first_us : time_us > last_us ? last_us : time_us;
}

PyObject *value_from_time(int64_t time_us)
{
    const int64_t day_us = INT64_C(86400) * 1000000;
    time_us = within_calendar(time_us);
    int64_t day = time_us / day_us, left = time_us % day_us;
    if (left < 0) {
        left += day_us;
        day--;
    }
    int year, month, day_of_month;
    date_of_day(day, &year, &month, &day_of_month);
    int second = (int)(left / 1000000);
    return PyDateTimeAPI->DateTime_FromDateAndTime(year, month, day_of_month, second / 3600, second / 60 % 60,
                                                   second % 60, (int)(left % 1000000), PyDateTime_TimeZone_UTC,
                                                   PyDateTimeAPI->DateTimeType);
}

PyObject *value_from_time_or_none(int64_t time_us)
{
    return time_us == 0 ? Py_NewRef(Py_None) : value_from_time(time_us);
}

/*
 * A tuple of a class with named fields is filled item by item, and ends at the first exception: code of Python, which
 * makes a UUID, may be interrupted by a signal, and nothing else may run with an exception set.
 */
static bool put(PyObject *record, Py_ssize_t index, PyObject *item)
{
    if (item)
        PyTuple_SET_ITEM(record, index, item);
    return item != NULL;
}

static PyObject *finished(PyObject *record, bool complete)
{
    if (!complete)
        Py_CLEAR(record);
    return record;
}

/* A dialog has two users: their UUIDs are made once for a page. */
struct pair {
    dlg_uuid uuids[2];
    PyObject *objects[2];
};

static PyObject *pair_uuid(struct pair *pair, const dlg_uuid *uuid)
{
    for (int i = 0; i < 2; i++) {
        if (!pair->objects[i]) {
            pair->uuids[i] = *uuid;
            pair->objects[i] = value_from_uuid(uuid);
        }
        if (!pair->objects[i] || memcmp(&pair->uuids[i], uuid, sizeof *uuid) == 0)
            return Py_XNewRef(pair->objects[i]);
    }
    return value_from_uuid(uuid);
}

static PyObject *message_object(struct pair *pair, const dlg_message *message)
{
    PyObject *made = message_class->tp_alloc(message_class, 6);
    return finished(made, made && put(made, 0, PyLong_FromLongLong(message->id)) &&
                              put(made, 1, pair_uuid(pair, &message->author)) &&
                              put(made, 2, pair_uuid(pair, &message->recipient)) &&
                              put(made, 3, value_from_time(message->created_us)) &&
                              put(made, 4, value_from_time_or_none(message->updated_us)) &&
                              put(made, 5, PyUnicode_DecodeUTF8(message->text, (Py_ssize_t)message->length, NULL)));
}

static PyObject *page_messages(const dlg_page *page)
{
    struct pair pair = {0};
    Py_ssize_t count = (Py_ssize_t)dlg_page_count(page);
    PyObject *messages = PyList_New(count);
    for (Py_ssize_t i = 0; messages && i < count; i++) {
        PyObject *message = message_object(&pair, dlg_page_at(page, (size_t)i));
        if (message)
            PyList_SET_ITEM(messages, i, message);
        else
            Py_CLEAR(messages);
    }
    Py_XDECREF(pair.objects[0]);
    Py_XDECREF(pair.objects[1]);
    return messages;
}

PyObject *value_from_page(const dlg_page *page)
{
    PyObject *made = page_class->tp_alloc(page_class, 4);
    return finished(made, made && put(made, 0, page_messages(page)) &&
                              put(made, 1, PyUnicode_FromString(dlg_page_before(page))) &&
                              put(made, 2, PyUnicode_FromString(dlg_page_after(page))) &&
                              put(made, 3, PyBool_FromLong(dlg_page_has_more(page))));
}

PyObject *value_from_receipt(const dlg_receipt *receipt)
{
    PyObject *made = receipt_class->tp_alloc(receipt_class, 3);
    return finished(made, made && put(made, 0, PyLong_FromLongLong(receipt->id)) &&
                              put(made, 1, value_from_time(receipt->created_us)) &&
                              put(made, 2, PyBool_FromLong(receipt->duplicate)));
}

PyObject *value_from_text(char *text)
{
    PyObject *object = PyUnicode_FromString(text);
    dlg_free(text);
    return object;
}

PyObject *value_append(PyObject *result, PyObject *value)
{
    if (!result || !value) { /* an exception is set */
        Py_XDECREF(result);
        Py_XDECREF(value);
        return NULL;
    }
    if (PyLong_CheckExact(result) || result == Py_None) {
        Py_DECREF(result);
        return value;
    }
    PyObject *both = PyTuple_Pack(2, result, value);
    Py_DECREF(result);
    Py_DECREF(value);
    return both;
}

/* ---- Replies ---- */

static const char reply_name[] = "dialogs.reply";

static void reply_destroy(PyObject *capsule)
{
    dlg_reply_free(PyCapsule_GetPointer(capsule, reply_name));
}

PyObject *reply_capsule(dlg_reply *reply)
{
    PyObject *capsule = PyCapsule_New(reply, reply_name, reply_destroy);
    if (!capsule)
        dlg_reply_free(reply);
    return capsule;
}

dlg_reply *reply_from_capsule(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, reply_name);
}

PyObject *value_from_reply(dlg_reply *reply)
{
    PyObject *value;
    if (dlg_reply_users(reply) || dlg_reply_cluster(reply) || dlg_reply_rebalance(reply))
        return reply_capsule(reply);
    if (dlg_reply_code(reply) != DLG_OK) {
        value = NULL;
        value_raise(dlg_reply_code(reply), dlg_reply_error(reply));
    } else if (dlg_reply_page(reply)) {
        value = value_from_page(dlg_reply_page(reply));
    } else if (dlg_reply_receipt(reply)) {
        value = value_from_receipt(dlg_reply_receipt(reply));
    } else if (dlg_reply_token(reply)) {
        value = PyUnicode_FromString(dlg_reply_token(reply));
    } else if (dlg_reply_user_id(reply)) {
        value = value_from_uuid(dlg_reply_user_id(reply));
    } else if (dlg_reply_shard(reply)) {
        value = PyLong_FromLongLong(dlg_reply_shard(reply));
    } else {
        value = Py_NewRef(Py_None);
    }
    dlg_reply_free(reply);
    return value;
}
