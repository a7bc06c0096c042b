#include "content/message_format.h"

#include "content/body_writer.h"

#include <stdio.h>
#include <string.h>

void message_add(struct text *text, const dlg_message *message)
{
    char id[24];
    text_reserve(text, message->length + MESSAGE_ROOM);
    text_add_string(text, "{\"from\":\"");
    text_add_uuid(text, &message->author);
    text_add_string(text, "\",\"to\":\"");
    text_add_uuid(text, &message->recipient);
    text_add_string(text, "\",\"text\":");
    text_add_json(text, message->text, message->length);
    int length = snprintf(id, sizeof id, "%lld", (long long)message->id);
    text_add_string(text, ",\"id\":\"");
    text_add(text, id, (size_t)length);
    text_add_string(text, "\",\"created_at\":\"");
    text_add_time(text, message->created_us);
    if (message->updated_us) {
        text_add_string(text, "\",\"updated_at\":\"");
        text_add_time(text, message->updated_us);
    }
    text_add_string(text, "\"}");
}

static void messages_pack_page(struct text *text, const dlg_page *page)
{
    size_t count = dlg_page_count(page);
    messages_pack(text, count);
    for (size_t i = 0; i < count; i++)
        message_pack(text, dlg_page_message(page, i));
}

void messages_add(struct text *text, const dlg_page *page, struct part part)
{
    size_t count = dlg_page_count(page);
    if (part.packed) {
        messages_pack_page(text, page);
        return;
    }
    if (part.first)
        text_add(text, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (!part.first || i)
            text_add(text, ",", 1);
        message_add(text, dlg_page_message(page, i));
    }
    if (part.last)
        text_add(text, "]", 1);
}
