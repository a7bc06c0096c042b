/* messages.h - sending: dlg_send() and its checks. */
#ifndef DIALOGS_MESSAGES_H
#define DIALOGS_MESSAGES_H

#include "client/client.h"

/* Reads a caller's message, of any version. Its text stays the caller's, and its length may be DLG_NTS. */
int message_from_caller(dlg_message *message, const dlg_message_input *given, dlg_error **error);

/*
 * Whether this may be kept: both users given and not nil, the text valid and within its limit.
 * `*length` may be DLG_NTS; it is replaced by the length.
 */
int message_check(const dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                  size_t *length, dlg_error **error);

#endif
