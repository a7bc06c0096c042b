/* error.h - the error object: a code, an SQLSTATE, the fate of a write, one line of text. */
#ifndef DIALOGS_ERROR_H
#define DIALOGS_ERROR_H

#include <dialogs.h>
#include <stdbool.h>

struct dlg_error {
    int code;
    dlg_fate fate;
    bool retriable;
    char sqlstate[6];
    const char *message; /* in the same allocation */
};

/*
 * Each puts a new error into *error (nothing when `error` is NULL) and returns `code`, so that a
 * failing function ends with `return error_set(...)`. An error that is there already is replaced.
 */
int error_set(dlg_error **error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* clang-tidy reads one file at a time, and would go on as if error_set() might return DLG_OK. */
#ifdef __clang_analyzer__
#define error_set(error, code, ...) (error_set(error, code, __VA_ARGS__), (code))
#endif

/* The same for an answer of the server: its text, made one line, after `what`. */
int error_set_sql(dlg_error **error, int code, const char *sqlstate, const char *what, const char *text);

/* A copy, or NULL. */
dlg_error *error_copy(const dlg_error *error);

/* Hands `from` over to a caller's `error`, or frees it when the caller wants none. Returns the code. */
int error_give(dlg_error **error, dlg_error *from);

/* Whether it is retriable follows from the code. This one is not: the same call would fail the same way. */
void error_set_final(dlg_error *error);

void error_set_fate(dlg_error *error, dlg_fate fate);

#endif
