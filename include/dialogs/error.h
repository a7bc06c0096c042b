/* error.h - what can go wrong, and what is known then. <dialogs.h> explains the conventions. */
#ifndef DLG_ERROR_H
#define DLG_ERROR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors --------------------------------------------------------------------------------------------- */

/* What a call returns. DLG_OK is 0, every error is negative. */
typedef enum dlg_code {
    DLG_OK = 0,
    DLG_E_ARGUMENT = -1,       /* a parameter is missing, malformed or out of its range */
    DLG_E_MEMORY = -2,         /* out of memory */
    DLG_E_STATE = -3,          /* not possible here: e.g. a blocking call inside a callback */
    DLG_E_FORKED = -4,         /* the client was opened by a parent process */
    DLG_E_CLOSED = -5,         /* the client was closed before the request was done */
    DLG_E_OVERLOAD = -6,       /* a bounded queue is full; try again later */
    DLG_E_TIMEOUT = -7,        /* the deadline passed; see the fate */
    DLG_E_UNAVAILABLE = -8,    /* no connection to the database; the last reason is in the text */
    DLG_E_DATABASE = -9,       /* the database refused; see the SQLSTATE */
    DLG_E_SCHEMA = -10,        /* the tables are missing, too old, too new, or of another shape; the database is not UTF8 */
    DLG_E_NOT_FOUND = -11,     /* no such user */
    DLG_E_RECIPIENT = -12,     /* no such recipient */
    DLG_E_EXISTS = -13,        /* a user with this id exists, or another message */
    DLG_E_PASSWORD = -14,      /* wrong password */
    DLG_E_TOKEN = -15,         /* malformed, tampered, or signed by a key we do not hold */
    DLG_E_TOKEN_EXPIRED = -16, /* a good token whose time is over or has not come */
    DLG_E_TEXT = -17,          /* empty, not UTF-8, or contains NUL */
    DLG_E_TOO_LARGE = -18,     /* longer than its limit */
    DLG_E_CURSOR = -19,        /* a forged cursor, or one of another dialog */
    DLG_E_KEY_REUSED = -20,    /* the idempotency key was used before with another text */
    DLG_E_EMBEDDED = -21,      /* the private server could not be found, created or started */
    DLG_E_FILE = -22,          /* a file could not be read or written */
    DLG_E_ARCHIVE = -23,       /* not an archive, a damaged one, or one of a later version */
    DLG_E_CANCELLED = -24,     /* stopped by a progress callback or dlg_cancel() */
    DLG_E_INTERNAL = -25,      /* a bug in the library */
    DLG_E_NOT_CLUSTER = -26,   /* this database is not a Citus cluster, or its tables are not distributed */
    DLG_E_PRECONDITION = -27,  /* something must be repaired first; the text says how */
    DLG_E_BUSY = -28           /* shards are being moved already */
} dlg_code;

/* What is known of a write that failed. */
typedef enum dlg_fate {
    DLG_FATE_NOT_WRITTEN = 0,      /* nothing is stored; trying again is safe */
    DLG_FATE_POSSIBLY_WRITTEN = 1, /* unknown; try again with the same idempotency key */
    DLG_FATE_WRITTEN = 2           /* stored, although the call failed later */
} dlg_fate;

/* The detail of a failure. It belongs to the caller and may be passed to another thread. */
typedef struct dlg_error dlg_error;

/* Returns the DLG_E_* code of an error; DLG_OK for NULL. */
DLG_API int dlg_error_code(const dlg_error *error);

/*
 * Returns one line of text: what failed, why, what to do. "" for NULL. It is UTF-8: where a server speaks another
 * encoding before a session is set up, `?` stands for its letters.
 */
DLG_API const char *dlg_error_message(const dlg_error *error);

/*
 * Returns the SQLSTATE of the server (PostgreSQL documentation, Appendix A), five characters. "" when the error
 * is not one of the server.
 */
DLG_API const char *dlg_error_sqlstate(const dlg_error *error);

/* Returns 1 when the same call may succeed later, else 0. */
DLG_API int dlg_error_retriable(const dlg_error *error);

/* Returns what is known of the write; DLG_FATE_NOT_WRITTEN for NULL and for reads. */
DLG_API dlg_fate dlg_error_fate(const dlg_error *error);

/* Frees an error. NULL is fine. */
DLG_API void dlg_error_free(dlg_error *error);

/* Returns the name of a code, such as "DLG_E_TIMEOUT"; "DLG_E_UNKNOWN" for any other number. Static. */
DLG_API const char *dlg_code_name(int code);

#ifdef __cplusplus
}
#endif

#endif
