/*
 * paseto.h - PASETO v4.public: a message and a footer, signed with Ed25519 (paseto.io, "Version 4").
 * An implicit assertion is signed along but is not part of the token.
 */
#ifndef DIALOGS_PASETO_H
#define DIALOGS_PASETO_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>

enum { PASETO_LIMIT = 4096 }; /* longest token, bytes */

struct slice {
    const void *bytes;
    size_t length;
};

/* A text as a slice. */
struct slice slice_text(const char *text);

/* A token taken apart; the slices point into `room`. */
struct paseto {
    struct slice message;
    struct slice footer;
    const unsigned char *signature;
    unsigned char room[PASETO_LIMIT];
};

/* The token, to be freed; NULL when out of memory or when it or the assertion is longer than PASETO_LIMIT. */
char *paseto_sign(struct slice message, struct slice footer, struct slice implicit,
                  const unsigned char secret_key[crypto_sign_SECRETKEYBYTES]);

/*
 * Takes a token apart without believing it: false when it is no v4.public token. Base64 must be in
 * its only form (no padding, no stray bits), so that a token has no second spelling.
 */
bool paseto_parse(const char *token, size_t length, struct paseto *paseto);

/* Whether the holder of the key signed this message, footer and assertion. */
bool paseto_verify(const struct paseto *paseto, struct slice implicit,
                   const unsigned char public_key[crypto_sign_PUBLICKEYBYTES]);

#endif
