#include "base/error.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef error_set

/* What stands in for an error for which there was no memory. It is never freed nor changed. */
static dlg_error no_memory = {.code = DLG_E_MEMORY, .retriable = true, .message = "out of memory"};

static const struct {
    int code;
    const char *name;
    bool retriable;
} codes[] = {
    {DLG_OK, "DLG_OK", false},
    {DLG_E_ARGUMENT, "DLG_E_ARGUMENT", false},
    {DLG_E_MEMORY, "DLG_E_MEMORY", true},
    {DLG_E_STATE, "DLG_E_STATE", false},
    {DLG_E_FORKED, "DLG_E_FORKED", false},
    {DLG_E_CLOSED, "DLG_E_CLOSED", false},
    {DLG_E_OVERLOAD, "DLG_E_OVERLOAD", true},
    {DLG_E_TIMEOUT, "DLG_E_TIMEOUT", true},
    {DLG_E_UNAVAILABLE, "DLG_E_UNAVAILABLE", true},
    {DLG_E_DATABASE, "DLG_E_DATABASE", false},
    {DLG_E_SCHEMA, "DLG_E_SCHEMA", false},
    {DLG_E_NOT_FOUND, "DLG_E_NOT_FOUND", false},
    {DLG_E_RECIPIENT, "DLG_E_RECIPIENT", false},
    {DLG_E_EXISTS, "DLG_E_EXISTS", false},
    {DLG_E_PASSWORD, "DLG_E_PASSWORD", false},
    {DLG_E_TOKEN, "DLG_E_TOKEN", false},
    {DLG_E_TOKEN_EXPIRED, "DLG_E_TOKEN_EXPIRED", false},
    {DLG_E_TEXT, "DLG_E_TEXT", false},
    {DLG_E_TOO_LARGE, "DLG_E_TOO_LARGE", false},
    {DLG_E_CURSOR, "DLG_E_CURSOR", false},
    {DLG_E_KEY_REUSED, "DLG_E_KEY_REUSED", false},
    {DLG_E_EMBEDDED, "DLG_E_EMBEDDED", false},
    {DLG_E_FILE, "DLG_E_FILE", false},
    {DLG_E_ARCHIVE, "DLG_E_ARCHIVE", false},
    {DLG_E_CANCELLED, "DLG_E_CANCELLED", false},
    {DLG_E_INTERNAL, "DLG_E_INTERNAL", false},
    {DLG_E_NOT_CLUSTER, "DLG_E_NOT_CLUSTER", false},
    {DLG_E_PRECONDITION, "DLG_E_PRECONDITION", false},
    {DLG_E_BUSY, "DLG_E_BUSY", true},
};

static size_t code_index(int code)
{
    size_t index = (size_t) - (long)code;
    return code <= 0 && index < sizeof codes / sizeof *codes ? index : SIZE_MAX;
}

const char *dlg_code_name(int code)
{
    size_t index = code_index(code);
    return index == SIZE_MAX ? "DLG_E_UNKNOWN" : codes[index].name;
}

static dlg_error *error_new(int code, const char *text, size_t length)
{
    dlg_error *error = malloc(sizeof *error + length + 1);
    if (!error)
        return &no_memory;
    size_t index = code_index(code);
    char *message = (char *)(error + 1);
    memcpy(message, text, length);
    message[length] = '\0';
    text_make_valid(message); /* a server refuses in its own encoding, and file names are bytes */
    *error = (dlg_error){.code = code, .retriable = index != SIZE_MAX && codes[index].retriable, .message = message};
    return error;
}

static int error_replace(dlg_error **error, dlg_error *with)
{
    int code = with->code;
    dlg_error_free(*error);
    *error = with;
    return code;
}

int error_set(dlg_error **error, int code, const char *format, ...)
{
    if (!error)
        return code;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    error_replace(error, error_new(code, text, used));
    return code;
}

/* Server texts span lines ("ERROR: ...\nDETAIL: ..."); ours are one. */
static void one_line(char *text)
{
    char *to = text;
    bool space = true;
    for (const char *from = text; *from; from++) {
        bool blank = *from == '\n' || *from == '\r' || *from == '\t' || *from == ' ';
        if (!blank)
            *to++ = *from;
        else if (!space)
            *to++ = ' ';
        space = blank;
    }
    while (to > text && to[-1] == ' ')
        to--;
    *to = '\0';
}

int error_set_sql(dlg_error **error, int code, const char *sqlstate, const char *what, const char *text)
{
    if (!error)
        return code;
    char line[1024];
    bool silent = !text || !text[strspn(text, " \t\r\n")];
    snprintf(line, sizeof line, "%s%s%s", what, *what ? ": " : "", silent ? "no reason was given" : text);
    one_line(line);
    dlg_error *made = error_new(code, line, strlen(line));
    if (sqlstate && made != &no_memory)
        snprintf(made->sqlstate, sizeof made->sqlstate, "%s", sqlstate);
    error_replace(error, made);
    return code;
}

dlg_error *error_copy(const dlg_error *error)
{
    if (!error || error == &no_memory)
        return (dlg_error *)(uintptr_t)error;
    dlg_error *copy = error_new(error->code, error->message, strlen(error->message));
    if (copy != &no_memory) {
        copy->fate = error->fate;
        copy->retriable = error->retriable;
        memcpy(copy->sqlstate, error->sqlstate, sizeof copy->sqlstate);
    }
    return copy;
}

int error_give(dlg_error **error, dlg_error *from)
{
    int code = dlg_error_code(from);
    if (error && from)
        return error_replace(error, from);
    dlg_error_free(from);
    return code;
}

void error_set_final(dlg_error *error)
{
    if (error && error != &no_memory)
        error->retriable = false;
}

void error_set_fate(dlg_error *error, dlg_fate fate)
{
    if (error && error != &no_memory)
        error->fate = fate;
}

int dlg_error_code(const dlg_error *error)
{
    return error ? error->code : DLG_OK;
}

const char *dlg_error_message(const dlg_error *error)
{
    return error ? error->message : "";
}

const char *dlg_error_sqlstate(const dlg_error *error)
{
    return error ? error->sqlstate : "";
}

int dlg_error_retriable(const dlg_error *error)
{
    return error ? error->retriable : 0;
}

dlg_fate dlg_error_fate(const dlg_error *error)
{
    return error ? error->fate : DLG_FATE_NOT_WRITTEN;
}

void dlg_error_free(dlg_error *error)
{
    if (error != &no_memory)
        free(error);
}

void dlg_free(void *memory)
{
    free(memory);
}
