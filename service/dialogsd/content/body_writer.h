/* body_writer.h - the body of an answer, in JSON or in msgpack, as the client asked. */
#ifndef DIALOGSD_BODY_WRITER_H
#define DIALOGSD_BODY_WRITER_H

#include "content/text_buffer.h"

struct body_writer {
    struct text_buffer text;
    bool packed;  /* msgpack */
    bool follows; /* JSON: a comma comes first */
};

/* An object with so many fields; each is a name and a value. */
void write_object(struct body_writer *writer, size_t fields);
void write_object_end(struct body_writer *writer);

/* An array of so many values. */
void write_array(struct body_writer *writer, size_t count);
void write_array_end(struct body_writer *writer);

void write_name(struct body_writer *writer, const char *name);

/* Values. A uuid is 16 bytes in msgpack, and a time its timestamp type; in JSON both are texts. */
void write_text(struct body_writer *writer, const char *text, size_t length);
void write_string(struct body_writer *writer, const char *string);

/* A text of which nothing is known: what is no printable ASCII becomes '?'. */
void write_printable(struct body_writer *writer, const char *string);
void write_number(struct body_writer *writer, int64_t number);
void write_uuid(struct body_writer *writer, const dlg_uuid *uuid);

/* At most so much has a message beside its text, in msgpack or in JSON. */
enum { MESSAGE_ROOM = 256 };

/* A message as an object in msgpack, in which the id is a number: what comes before its text, and what after it. */
void message_pack_head(struct text_buffer *text, const dlg_message *message);
void message_pack_tail(struct text_buffer *text, const dlg_message *message);

/* The head of an array of so many messages. */
void messages_pack(struct text_buffer *text, size_t count);

#endif
