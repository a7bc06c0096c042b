#include "content/message_format.h"

#include "content/body_writer.h"

#include <stdio.h>
#include <string.h>

void message_add(struct text_buffer *text, const dlg_message *message)
{
    char id[24];
    buffer_grow(text, message->length + MESSAGE_ROOM);
    buffer_add_string(text, "{\"from\":\"");
    buffer_add_uuid(text, &message->author);
    buffer_add_string(text, "\",\"to\":\"");
    buffer_add_uuid(text, &message->recipient);
    buffer_add_string(text, "\",\"text\":");
    buffer_add_json(text, message->text, message->length);
    int length = snprintf(id, sizeof id, "%lld", (long long)message->id);
    buffer_add_string(text, ",\"id\":\"");
    buffer_add(text, id, (size_t)length);
    buffer_add_string(text, "\",\"created_at\":\"");
    buffer_add_time(text, message->created_us);
    if (message->updated_us) {
        buffer_add_string(text, "\",\"updated_at\":\"");
        buffer_add_time(text, message->updated_us);
    }
    buffer_add_string(text, "\"}");
}

static void messages_pack_page(struct text_buffer *text, const dlg_page *page)
{
    size_t count = dlg_page_count(page);
    messages_pack(text, count);
    for (size_t i = 0; i < count; i++)
        message_pack(text, dlg_page_at(page, i));
}

void messages_add(struct text_buffer *text, const dlg_page *page, struct part part)
{
    size_t count = dlg_page_count(page);
    if (part.packed) {
        messages_pack_page(text, page);
        return;
    }
    if (part.first)
        buffer_add(text, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (!part.first || i)
            buffer_add(text, ",", 1);
        message_add(text, dlg_page_at(page, i));
    }
    if (part.last)
        buffer_add(text, "]", 1);
}
