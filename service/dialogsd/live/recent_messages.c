#include "live/recent_messages.h"

#include "common/service_clock.h"

#include <stdlib.h>

enum { FIRST = 16, MOST = 1024, RECENT_US = 60 * 1000000 };

static bool recent_grow(struct recent_messages *recent)
{
    size_t room = recent->room ? 2 * recent->room : FIRST;
    struct recent_message *messages = realloc(recent->messages, room * sizeof *messages);
    if (!messages)
        return false;
    recent->messages = messages;
    recent->room = room;
    return true;
}

bool recent_messages_add(struct recent_messages *recent, const dlg_message *message)
{
    if (recent->count == recent->room && recent->room < MOST && !recent_grow(recent))
        return false;
    recent->messages[recent->count++ % recent->room] = (struct recent_message){message->id, message->recipient};
    recent->forget_us = monotonic_us() + RECENT_US;
    return true;
}

bool recent_messages_have(struct recent_messages *recent, const dlg_message *message)
{
    if (recent->messages && monotonic_us() > recent->forget_us)
        recent_messages_forget(recent);
    if (!recent->messages)
        return false;
    size_t count = recent->count < recent->room ? recent->count : recent->room;
    for (size_t i = 0; i < count; i++)
        if (recent->messages[i].id == message->id &&
            dlg_uuid_compare(&recent->messages[i].recipient, &message->recipient) == 0)
            return true;
    return false;
}

void recent_messages_forget(struct recent_messages *recent)
{
    free(recent->messages);
    *recent = (struct recent_messages){0};
}
