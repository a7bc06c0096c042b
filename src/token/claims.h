/* claims.h - what a token says, as the JSON that is signed. */
#ifndef DIALOGS_CLAIMS_H
#define DIALOGS_CLAIMS_H

#include "token/paseto.h"

#include <dialogs.h>
#include <stdint.h>

struct claims {
    dlg_uuid user;
    int64_t starts_us; /* the later of iat and nbf; INT64_MIN when it has neither */
    int64_t expires_us;
    int64_t issued_us; /* iat; INT64_MIN without it. Not of those that are to be written */
};

/*
 * The JSON of a token (sub, iss, iat, nbf, exp, and a random jti), to be freed.
 * DLG_E_ARGUMENT: the issuer is no UTF-8, or a time is past the year 9999.
 */
int claims_write(const struct claims *claims, const char *issuer, char **json, dlg_error **error);

/*
 * Reads such JSON: sub, iss and exp must be there, iat, nbf and jti may, all of their right types;
 * others are passed over. DLG_E_TOKEN.
 */
int claims_read(struct slice json, const char *issuer, struct claims *claims, dlg_error **error);

/* Whether `now_us` lies in the token's time. DLG_E_TOKEN_EXPIRED. */
int claims_check_time(const struct claims *claims, int64_t now_us, dlg_error **error);

#endif
