#include "token/ticket.h"

#include "base/error.h"

#include <string.h>

static const int64_t longest_us = INT64_C(3600) * 1000000;

/* An empty purpose would make it a token. */
static int purpose_check(const char *purpose, dlg_error **error)
{
    size_t length = purpose ? strnlen(purpose, PURPOSE_LIMIT + 1) : 0;
    if (length >= 1 && length <= PURPOSE_LIMIT)
        return DLG_OK;
    return error_set(error, DLG_E_ARGUMENT, "the purpose of a ticket has 1 to %d bytes", PURPOSE_LIMIT);
}

int ticket_issue(struct keyring *keyring, const char *issuer, const dlg_uuid *user, const char *purpose,
                 int64_t lifetime_us, int64_t now_us, char **ticket, dlg_error **error)
{
    int code = purpose_check(purpose, error);
    if (code != DLG_OK)
        return code;
    if (lifetime_us <= 0 || lifetime_us > longest_us)
        return error_set(error, DLG_E_ARGUMENT, "a ticket lives for more than nothing and at most an hour");
    return token_sign(keyring, issuer, user, slice_text(purpose), lifetime_us, now_us, ticket, error);
}

int ticket_verify(struct keyring *keyring, const char *issuer, const char *ticket, size_t length, const char *purpose,
                  int64_t now_us, dlg_uuid *user, int64_t *expires_us, dlg_error **error)
{
    struct claims claims;
    int code = purpose_check(purpose, error);
    if (code != DLG_OK)
        return code;
    if (!ticket || !user)
        return error_set(error, DLG_E_ARGUMENT, "dlg_ticket_verify() needs a ticket and the address of a user id");
    if (length == DLG_NTS)
        length = strnlen(ticket, PASETO_LIMIT + 1);
    if (length > PASETO_LIMIT)
        return error_set(error, DLG_E_TOKEN, "the ticket is longer than %d bytes", PASETO_LIMIT);
    code = token_open(keyring, issuer, slice_text(purpose), ticket, length, &claims, error);
    if (code == DLG_OK)
        code = claims_check_time(&claims, now_us, error);
    if (code != DLG_OK)
        return code;
    *user = claims.user;
    if (expires_us)
        *expires_us = claims.expires_us;
    return DLG_OK;
}
