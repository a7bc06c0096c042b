/*
 * keyring.h - the signing keys of a client, shared by its threads. Keys of a file follow the file:
 * it is looked at once a second, and at once when a key is asked for that is not known, and read
 * again when it was changed. A file that cannot be read leaves the keys as they were.
 */
#ifndef DIALOGS_KEYRING_H
#define DIALOGS_KEYRING_H

#include "token/key_set.h"

#include <stdint.h>

struct keyring;

/*
 * Opens the keys: `key`, a PASERK k4.secret, or when that is NULL or "" those of the file `path`,
 * which is made when missing. DLG_E_ARGUMENT (the key, or neither was given), DLG_E_FILE, DLG_E_MEMORY.
 */
int keyring_open(struct keyring **keyring, const char *key, const char *path, dlg_error **error);

/* Takes no lock, so that it may be called in a child process too. NULL is fine. */
void keyring_free(struct keyring *keyring);

/*
 * The key that signs. It is good until the set is given back with key_set_release().
 * DLG_E_FILE: the file has keys that verify only.
 */
int keyring_sign_key(struct keyring *keyring, struct key_set **set, const struct key **key, dlg_error **error);

/*
 * Copies the public key with this id. DLG_E_TOKEN when there is none; DLG_E_FILE when there is none
 * and the file cannot be read.
 */
int keyring_find(struct keyring *keyring, const char *id, size_t length,
                 unsigned char public_key[crypto_sign_PUBLICKEYBYTES], dlg_error **error);

/*
 * How many keys there are, and how many the file has lost since it was opened. DLG_E_FILE, and why: the file cannot be
 * used as it is now, and the keys that were read before are in force.
 */
int keyring_state(struct keyring *keyring, size_t *count, size_t *removed, dlg_error **error);

/* Changes with the keys: what was verified under another generation must be verified again. Never 0. */
uint64_t keyring_generation(struct keyring *keyring);

/* Makes a new key that signs from now on; the old ones verify. DLG_E_STATE: the key came from a setting. */
int keyring_rotate(struct keyring *keyring, dlg_error **error);

#endif
