/*
 * key_set.h - Ed25519 keys as text, one PASERK a line: `k4.secret.` signs and verifies, `k4.public.`
 * verifies only, `#` begins a comment. A set never changes; whoever uses it holds a reference.
 */
#ifndef DIALOGS_KEY_SET_H
#define DIALOGS_KEY_SET_H

#include <dialogs.h>
#include <sodium.h>
#include <stdbool.h>

enum {
    KEY_ID_SIZE = 52,   /* "k4.pid." and 44 characters, and the NUL */
    KEY_LINE_SIZE = 97, /* "k4.secret." and 86 characters, and the NUL */
    KEY_SET_LIMIT = 256
};

struct key {
    char id[KEY_ID_SIZE]; /* PASERK k4.pid of the public key */
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    const unsigned char *secret_key; /* NULL: verifies only */
};

struct key_set;

/*
 * Reads a text; `name` stands for it in errors, which tell the line and never what is in it.
 * Receives a set of at least one key, with one reference. DLG_E_FILE, DLG_E_MEMORY.
 */
int key_set_parse(const char *text, size_t length, const char *name, struct key_set **set, dlg_error **error);

struct key_set *key_set_hold(struct key_set *set);
void key_set_release(struct key_set *set); /* NULL is fine; secrets are wiped with the last reference */

/* Both borrowed from the set. */
const struct key *key_set_signer(const struct key_set *set); /* the first that has a secret, or NULL */
const struct key *key_set_find(const struct key_set *set, const char *id, size_t length);

size_t key_set_count(const struct key_set *set);

/* How many keys of a set another does not have. */
size_t key_set_missing(const struct key_set *set, const struct key_set *other);

/* The id of a public key. */
void key_id(const unsigned char public_key[crypto_sign_PUBLICKEYBYTES], char id[KEY_ID_SIZE]);

/* A new secret key as a line without its end; to be wiped by the caller. */
void key_generate(char line[KEY_LINE_SIZE]);

#endif
