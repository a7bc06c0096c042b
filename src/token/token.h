/* token.h - tokens that say who somebody is: PASETO v4.public with the key's PASERK id in the footer. */
#ifndef DIALOGS_TOKEN_H
#define DIALOGS_TOKEN_H

#include "token/keyring.h"
#include "token/token_cache.h"

/*
 * A token for a user, good from `now_us` for `lifetime_us`; to be freed. Whoever holds it is the user.
 * DLG_E_ARGUMENT, DLG_E_FILE (nothing to sign with), DLG_E_MEMORY.
 */
int token_issue(struct keyring *keyring, const char *issuer, const dlg_uuid *user, int64_t lifetime_us, int64_t now_us,
                char **token, dlg_error **error);

/*
 * Checks length, signature, issuer and times, in this order; a token seen before costs one hash.
 *
 *   cache       for this keyring and issuer.
 *   length      or DLG_NTS.
 *   claims      receives what it says.
 *
 * DLG_E_ARGUMENT, DLG_E_TOKEN, DLG_E_TOKEN_EXPIRED, DLG_E_FILE (unknown key, and the key file cannot be read).
 */
int token_read(struct keyring *keyring, struct token_cache *cache, const char *issuer, const char *token, size_t length,
               int64_t now_us, struct claims *claims, dlg_error **error);

/* The same, of which the user and, unless that is NULL, the end of its time are wanted. */
int token_verify(struct keyring *keyring, struct token_cache *cache, const char *issuer, const char *token,
                 size_t length, int64_t now_us, dlg_uuid *user, int64_t *expires_us, dlg_error **error);

/*
 * The halves of these, for what is signed along with an assertion that the token does not hold. token_open() checks the
 * signature and the issuer, not the times.
 */
int token_sign(struct keyring *keyring, const char *issuer, const dlg_uuid *user, struct slice assertion,
               int64_t lifetime_us, int64_t now_us, char **token, dlg_error **error);
int token_open(struct keyring *keyring, const char *issuer, struct slice assertion, const char *token, size_t length,
               struct claims *claims, dlg_error **error);

#endif
