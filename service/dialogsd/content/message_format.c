#include "content/message_format.h"

#include "content/body_writer.h"

#include <stdio.h>
#include <string.h>

static void add_head(struct text_buffer *text, const dlg_message *message)
{
    buffer_add_string(text, "{\"from\":\"");
    buffer_add_uuid(text, &message->author);
    buffer_add_string(text, "\",\"to\":\"");
    buffer_add_uuid(text, &message->recipient);
    buffer_add_string(text, "\",\"text\":\"");
}

static void add_tail(struct text_buffer *text, const dlg_message *message)
{
    char id[24];
    int length = snprintf(id, sizeof id, "%lld", (long long)message->id);
    buffer_add_string(text, "\",\"id\":\"");
    buffer_add(text, id, (size_t)length);
    buffer_add_string(text, "\",\"created_at\":\"");
    buffer_add_time(text, message->created_us);
    if (message->updated_us) {
        buffer_add_string(text, "\",\"updated_at\":\"");
        buffer_add_time(text, message->updated_us);
    }
    buffer_add_string(text, "\"}");
}

void message_add(struct text_buffer *text, const dlg_message *message)
{
    buffer_grow(text, message->length + MESSAGE_ROOM);
    add_head(text, message);
    buffer_add_escaped(text, message->text, message->length);
    add_tail(text, message);
}

bool message_add_some(struct text_buffer *text, const dlg_message *message, bool packed, size_t most,
                      struct message_place *place)
{
    enum { PIECE = 1024 }; /* six times as much in JSON, at worst */
    if (!place->begun)
        (packed ? message_pack_head : add_head)(text, message);
    place->begun = true;
    while (place->at < message->length && text->length < most) {
        size_t left = message->length - place->at;
        size_t length = left < PIECE ? left : PIECE;
        (packed ? buffer_add : buffer_add_escaped)(text, message->text + place->at, length);
        place->at += length;
    }
    if (place->at < message->length)
        return false;
    (packed ? message_pack_tail : add_tail)(text, message);
    *place = (struct message_place){0};
    return true;
}

static void begin_page(struct text_buffer *text, const dlg_page *page, const struct page_place *place)
{
    if (place->packed)
        messages_pack(text, dlg_page_count(page));
    else if (place->first)
        buffer_add(text, "[", 1);
}

bool messages_add_some(struct text_buffer *text, const dlg_page *page, size_t most, struct page_place *place)
{
    if (!place->begun)
        begin_page(text, page, place);
    place->begun = true;
    for (const dlg_message *message; (message = dlg_page_at(page, place->index)) != NULL; place->index++) {
        if (text->length >= most)
            return false;
        bool separate = !place->packed && !place->message.begun && (!place->first || place->index);
        if (separate)
            buffer_add(text, ",", 1);
        if (!message_add_some(text, message, place->packed, most, &place->message))
            return false;
    }
    if (place->last && !place->packed)
        buffer_add(text, "]", 1);
    return true;
}
