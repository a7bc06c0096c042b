/* messages.h - sending: dlg_send() and its checks. */
#ifndef DIALOGS_MESSAGES_H
#define DIALOGS_MESSAGES_H

#include "client/client.h"

/*
 * Whether this may be kept: both users given and not nil, the text valid and within its limit.
 * `*length` may be DLG_NTS; it is replaced by the length.
 */
int message_check(const dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                  size_t *length, dlg_error **error);

#endif
