/* ticket.h - tokens for one purpose and a short time, which are no tokens for anything else. */
#ifndef DIALOGS_TICKET_H
#define DIALOGS_TICKET_H

#include "token/token.h"

enum { PURPOSE_LIMIT = 255 };

/*
 * A ticket: a token that is signed along with its purpose (PASETO's implicit assertion), which it does not hold.
 * DLG_E_ARGUMENT: also when the purpose is empty or longer than PURPOSE_LIMIT, or the lifetime is beyond an hour.
 */
int ticket_issue(struct keyring *keyring, const char *issuer, const dlg_uuid *user, const char *purpose,
                 int64_t lifetime_us, int64_t now_us, char **ticket, dlg_error **error);

/* As token_verify(), of a ticket for this purpose; it is not cached, because it is seen once. */
int ticket_verify(struct keyring *keyring, const char *issuer, const char *ticket, size_t length, const char *purpose,
                  int64_t now_us, dlg_uuid *user, int64_t *expires_us, dlg_error **error);

#endif
