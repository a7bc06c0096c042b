/*
 * recent_messages.h - the messages that a stream has been given lately. The database and the subscription may both
 * bring one, and the database shows those of a crowd again; a stream shows each once.
 */
#ifndef DIALOGSD_RECENT_MESSAGES_H
#define DIALOGSD_RECENT_MESSAGES_H

#include "guard/memory_budget.h"

#include <dialogs.h>
#include <stdbool.h>

/* At least so many are remembered, for half a minute and longer; fewer when there is no memory for them. */
enum { RECENT_LEAST = 12288 };

/* A hash table of names, 64 bits of each message. */
struct recent_set {
    uint64_t *names; /* 0: free */
    size_t room;     /* a power of two, or 0 */
    size_t count;
    int64_t until_us; /* monotonic: so long it takes more */
};

/* The older set is forgotten when the newer one is full or old, and takes its place. */
struct recent_messages {
    struct memory_holding memory;
    struct recent_set newer, older;
};

/* Nothing yet, for a stream of this user. */
void recent_messages_open(struct recent_messages *recent, struct memory_budget *budget, const dlg_uuid *user);

/* Takes note of a message. False when there is no memory for it. */
bool recent_messages_add(struct recent_messages *recent, const dlg_message *message);

bool recent_messages_have(struct recent_messages *recent, const dlg_message *message);

void recent_messages_forget(struct recent_messages *recent);

#endif
