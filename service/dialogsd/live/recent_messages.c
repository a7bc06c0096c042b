#include "live/recent_messages.h"

#include "common/service_clock.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 512, RECENT_US = 60 * 1000000 };

bool recent_messages_add(struct recent_messages *recent, const dlg_page *page)
{
    size_t count = dlg_page_count(page);
    size_t kept = recent->count + count > MOST ? MOST - count : recent->count;
    if (!count)
        return true;
    struct recent_message *messages = calloc(kept + count, sizeof *messages);
    if (!messages)
        return false;
    if (kept)
        memcpy(messages, recent->messages + recent->count - kept, kept * sizeof *messages);
    for (size_t i = 0; i < count; i++) {
        const dlg_message *message = dlg_page_at(page, i);
        messages[kept + i] = (struct recent_message){message->id, message->recipient};
    }
    free(recent->messages);
    recent->messages = messages;
    recent->count = kept + count;
    recent->forget_us = monotonic_us() + RECENT_US;
    return true;
}

bool recent_messages_have(struct recent_messages *recent, const dlg_message *message)
{
    if (recent->messages && monotonic_us() > recent->forget_us)
        recent_messages_forget(recent);
    for (size_t i = 0; recent->messages && i < recent->count; i++)
        if (recent->messages[i].id == message->id &&
            dlg_uuid_compare(&recent->messages[i].recipient, &message->recipient) == 0)
            return true;
    return false;
}

void recent_messages_forget(struct recent_messages *recent)
{
    free(recent->messages);
    recent->messages = NULL;
    recent->count = 0;
}
