#include "content/body_writer.h"

#include "common/service_clock.h"

#include <msgpack.h>
#include <string.h>

static int add(void *payload, const char *data, size_t length)
{
    buffer_add(payload, data, length);
    return 0;
}

static msgpack_packer packer_of(struct text_buffer *text)
{
    return (msgpack_packer){.data = text, .callback = add};
}

/* A value of JSON begins: what separates it from the one before. */
static void separate(struct body_writer *writer)
{
    if (writer->follows)
        buffer_add(&writer->text, ",", 1);
    writer->follows = true;
}

static void open(struct body_writer *writer, const char *bracket)
{
    separate(writer);
    buffer_add_string(&writer->text, bracket);
    writer->follows = false;
}

static void end(struct body_writer *writer, const char *bracket)
{
    if (!writer->packed)
        buffer_add_string(&writer->text, bracket);
    writer->follows = true;
}

void write_object(struct body_writer *writer, size_t fields)
{
    msgpack_packer packer = packer_of(&writer->text);
    if (writer->packed)
        msgpack_pack_map(&packer, fields);
    else
        open(writer, "{");
}

void write_object_end(struct body_writer *writer)
{
    end(writer, "}");
}

void write_array(struct body_writer *writer, size_t count)
{
    if (writer->packed)
        messages_pack(&writer->text, count);
    else
        open(writer, "[");
}

void write_array_end(struct body_writer *writer)
{
    end(writer, "]");
}

void write_name(struct body_writer *writer, const char *name)
{
    write_string(writer, name);
    if (!writer->packed) {
        buffer_add(&writer->text, ":", 1);
        writer->follows = false;
    }
}

void write_text(struct body_writer *writer, const char *text, size_t length)
{
    msgpack_packer packer = packer_of(&writer->text);
    if (writer->packed) {
        msgpack_pack_str_with_body(&packer, text, length);
    } else {
        separate(writer);
        buffer_add_json(&writer->text, text, length);
    }
}

void write_string(struct body_writer *writer, const char *string)
{
    write_text(writer, string, strlen(string));
}

void write_printable(struct body_writer *writer, const char *string)
{
    struct text_buffer clean = {0};
    if (writer->packed) {
        for (; *string; string++)
            buffer_add(&clean, *string < 0x20 || *string > 0x7e ? "?" : string, 1);
        write_text(writer, clean.data ? clean.data : "", clean.length);
        buffer_free(&clean);
    } else {
        separate(writer);
        buffer_add_json_ascii(&writer->text, string, strlen(string));
    }
}

void write_number(struct body_writer *writer, int64_t number)
{
    msgpack_packer packer = packer_of(&writer->text);
    if (writer->packed) {
        msgpack_pack_int64(&packer, number);
    } else {
        separate(writer);
        buffer_add_format(&writer->text, "%lld", (long long)number);
    }
}

void write_uuid(struct body_writer *writer, const dlg_uuid *uuid)
{
    char text[DLG_UUID_TEXT_SIZE];
    msgpack_packer packer = packer_of(&writer->text);
    if (writer->packed) {
        msgpack_pack_bin_with_body(&packer, uuid->bytes, sizeof uuid->bytes);
    } else {
        dlg_uuid_format(text, uuid);
        write_string(writer, text);
    }
}

/* ---- Messages: most of what is ever written ---- */

static void pack_timestamp(msgpack_packer *packer, int64_t time_us)
{
    time_us = calendar_us(time_us);
    int64_t micros = time_us % 1000000;
    int64_t seconds = time_us / 1000000 - (micros < 0);
    const msgpack_timestamp time = {.tv_sec = seconds,
                                    .tv_nsec = (uint32_t)((micros < 0 ? micros + 1000000 : micros) * 1000)};
    msgpack_pack_timestamp(packer, &time);
}

/* What is the same in every message: heads of maps (fixmap), names (fixstr), heads of uuids (bin 8). */
#define MAP_5 "\x85"
#define MAP_6 "\x86"
#define NAME_2(name) "\xa2" name
#define NAME_4(name) "\xa4" name
#define NAME_10(name) "\xaa" name
#define UUID_HEAD "\xc4\x10"

static char *put(char *to, const void *bytes, size_t length)
{
    return (char *)memcpy(to, bytes, length) + length;
}

#define PUT(to, literal) put(to, literal, sizeof(literal) - 1)
#define ADD(text, literal) buffer_add(text, literal, sizeof(literal) - 1)

void message_pack_head(struct text_buffer *text, const dlg_message *message)
{
    msgpack_packer packer = packer_of(text);
    char *to = buffer_grow(text, MESSAGE_ROOM);
    if (!to)
        return;
    to = message->updated_us ? PUT(to, MAP_6) : PUT(to, MAP_5);
    to = PUT(to, NAME_4("from") UUID_HEAD);
    to = put(to, message->author.bytes, sizeof message->author.bytes);
    to = PUT(to, NAME_2("to") UUID_HEAD);
    to = put(to, message->recipient.bytes, sizeof message->recipient.bytes);
    to = PUT(to, NAME_4("text"));
    text->length = (size_t)(to - text->data);
    msgpack_pack_str(&packer, message->length);
}

void message_pack_tail(struct text_buffer *text, const dlg_message *message)
{
    msgpack_packer packer = packer_of(text);
    ADD(text, NAME_2("id"));
    msgpack_pack_int64(&packer, message->id);
    ADD(text, NAME_10("created_at"));
    pack_timestamp(&packer, message->created_us);
    if (message->updated_us) {
        ADD(text, NAME_10("updated_at"));
        pack_timestamp(&packer, message->updated_us);
    }
}

void messages_pack(struct text_buffer *text, size_t count)
{
    msgpack_packer packer = packer_of(text);
    msgpack_pack_array(&packer, count);
}
