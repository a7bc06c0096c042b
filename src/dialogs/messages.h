/* messages.h - sending: dlg_send() and its checks. */
#ifndef DIALOGS_MESSAGES_H
#define DIALOGS_MESSAGES_H

#include "client/client.h"

/* An idempotency key; `text` NULL: none. */
struct message_key {
    const char *text;
    size_t length;
};

/*
 * Reads a caller's message, of any version, and its key unless `key` is NULL. The texts stay the caller's. The length
 * of the message may be DLG_NTS, that of the key is checked.
 */
int message_from_caller(dlg_message *message, struct message_key *key, const dlg_message_input *given,
                        dlg_error **error);

/* The id of the message that is sent or loaded under a key; `probe`: ids tried before. */
int64_t message_keyed_id(const dlg_uuid *author, const dlg_uuid *recipient, const struct message_key *key,
                         uint32_t probe);

/*
 * Whether this may be kept: both users given and not nil, the text valid and within its limit.
 * `*length` may be DLG_NTS; it is replaced by the length.
 */
int message_check(const dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text,
                  size_t *length, dlg_error **error);

#endif
