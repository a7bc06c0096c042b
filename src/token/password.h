/* password.h - passwords as Argon2id hashes (RFC 9106), in libsodium's text form. */
#ifndef DIALOGS_PASSWORD_H
#define DIALOGS_PASSWORD_H

#include "base/settings.h"

#include <sodium.h>

/*
 * Hashes with the cost that the settings name. Takes as long as that costs: for worker threads.
 * DLG_E_ARGUMENT (empty), DLG_E_TOO_LARGE, DLG_E_MEMORY.
 */
int password_hash(const dlg_settings *settings, const char *password, size_t length, char out[crypto_pwhash_STRBYTES],
                  dlg_error **error);

/*
 * Whether the password is the one that was hashed. Without a hash (NULL), or with one that is none
 * or asks for an absurd amount of memory or time, it spends what the settings' cost would and
 * answers false, so that the time tells nobody whether there is such a user.
 * On false, errno is ENOMEM when memory ran out before the answer was known, else 0.
 */
bool password_verify(const char *hash, const char *password, size_t length, const dlg_settings *settings);

/* Whether the hash cost less memory or fewer passes than the settings ask for, or is no hash. */
bool password_outdated(const dlg_settings *settings, const char *hash);

#endif
