/*
 * replica_event.h - one event that another replica told of: a msgpack array of its version, its kind and its fields.
 * Whoever may write to Redis may say anything, so that nothing of it is believed before it was looked at.
 */
#ifndef DIALOGSD_REPLICA_EVENT_H
#define DIALOGSD_REPLICA_EVENT_H

#include "guard/rate_limit.h"
#include "guard/revoked_tokens.h"

#include <dialogs.h>
#include <stdbool.h>
#include <stddef.h>

enum { REPLICA_EVENT_VERSION = 1 };

enum replica_event_kind { REPLICA_MESSAGE, REPLICA_LOST, REPLICA_REVOKED, REPLICA_COUNTED };

struct replica_event {
    enum replica_event_kind kind;
    /* REPLICA_MESSAGE: it without its text, and as a list shows it, in the bytes that were read */
    dlg_message message;
    const char *json;
    size_t json_length;
    /* REPLICA_REVOKED: */
    struct token_hash token;
    int64_t until_us;
    /* REPLICA_COUNTED: */
    enum rate_limit_kind counted;
    char whose[RATE_NAME_SIZE];
};

/* False: it is none that we understand. */
bool replica_event_read(struct replica_event *event, const char *data, size_t length);

#endif
