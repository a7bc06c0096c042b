/*
 * recent_messages.h - the messages that the database has shown to a stream lately. Its subscription may bring the same
 * ones, soon after they were stored; they are not shown twice.
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
    } * messages;
    size_t count;
    int64_t forget_us; /* monotonic */
};

/* Takes note of a page; of several pages the last ones. False when out of memory. */
bool recent_messages_add(struct recent_messages *recent, const dlg_page *page);

bool recent_messages_have(struct recent_messages *recent, const dlg_message *message);

void recent_messages_forget(struct recent_messages *recent);

#endif
