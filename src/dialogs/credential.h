/* credential.h - a password on its way through a worker thread: hashed, or compared with a hash. */
#ifndef DIALOGS_CREDENTIAL_H
#define DIALOGS_CREDENTIAL_H

#include "client/client.h"
#include "token/password.h"

struct credential {
    struct job job;
    struct request *request;
    char *password; /* the request's own memory */
    size_t length;
    bool compare;
    char hash[crypto_pwhash_STRBYTES]; /* given when comparing ("": no such user), made when hashing */
    bool matches;
    bool renewed; /* `hash` was weaker than the settings ask for, and is a new one now */
    dlg_error *error;
};

/* DLG_E_ARGUMENT, DLG_E_TOO_LARGE; replaces DLG_NTS by the length. */
int password_check(const char *password, size_t *length, dlg_error **error);

/* The same of a new one, which has to be long enough. Those that are there already may be shorter. */
int password_check_new(const dlg_settings *settings, const char *password, size_t *length, dlg_error **error);

/*
 * Gives the job to the workers; the request's step runs when it is done. When they have no room, the request is
 * completed with DLG_E_OVERLOAD. I/O thread.
 */
void credential_start(struct credential *credential, struct request *request, bool compare);

/* True: the job failed, and the request is completed with its error. */
bool credential_failed(struct credential *credential);

/* Wipes. */
void credential_clear(struct credential *credential);

#endif
