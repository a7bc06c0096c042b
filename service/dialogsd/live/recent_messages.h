/*
 * recent_messages.h - the messages that a stream has been given lately. The database and the subscription may both
 * bring one, and the database shows those of a crowd again; a stream shows each once.
 */
#ifndef DIALOGSD_RECENT_MESSAGES_H
#define DIALOGSD_RECENT_MESSAGES_H

#include <dialogs.h>
#include <stdbool.h>

/* Zeroed: none. Nothing is kept for a stream that has been silent for long. */
struct recent_messages {
    struct recent_message {
        int64_t id;
        dlg_uuid recipient; /* ids are unique per recipient */
    } * messages;           /* a ring, once there are as many as may be */
    size_t room;
    size_t count;      /* that were added since it was empty */
    int64_t forget_us; /* monotonic */
};

/* Takes note of a message; of too many the last ones are kept. False when out of memory. */
bool recent_messages_add(struct recent_messages *recent, const dlg_message *message);

bool recent_messages_have(struct recent_messages *recent, const dlg_message *message);

void recent_messages_forget(struct recent_messages *recent);

#endif
