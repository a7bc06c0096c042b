/*
 * recent.h - the messages that the database has shown to a stream lately. The hub may bring the same ones, soon after
 * they were stored; they are not shown twice.
 */
#ifndef DIALOGSD_RECENT_H
#define DIALOGSD_RECENT_H

#include <dialogs.h>
#include <stdbool.h>

/* Zeroed: none. Nothing is kept for a stream that has been silent for long. */
struct recent {
    struct recent_message {
        int64_t id;
        dlg_uuid recipient; /* ids are unique per recipient */
    } * messages;
    size_t count;
    int64_t forget_us; /* monotonic */
};

/* Takes note of a page; of several pages the last ones. False when out of memory. */
bool recent_add(struct recent *recent, const dlg_page *page);

bool recent_has(struct recent *recent, const dlg_message *message);

void recent_forget(struct recent *recent);

#endif
