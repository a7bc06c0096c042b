/* writer.h - the body of an answer, in JSON or in msgpack, as the client asked. */
#ifndef DIALOGSD_WRITER_H
#define DIALOGSD_WRITER_H

#include "content/text_buffer.h"

struct writer {
    struct text text;
    bool packed;  /* msgpack */
    bool follows; /* JSON: a comma comes first */
};

/* An object with so many fields; each is a name and a value. */
void write_object(struct writer *writer, size_t fields);
void write_object_end(struct writer *writer);

/* An array of so many values. */
void write_array(struct writer *writer, size_t count);
void write_array_end(struct writer *writer);

void write_name(struct writer *writer, const char *name);

/* Values. A uuid is 16 bytes in msgpack, and a time its timestamp type; in JSON both are texts. */
void write_text(struct writer *writer, const char *text, size_t length);
void write_string(struct writer *writer, const char *string);

/* A text of which nothing is known: what is no printable ASCII becomes '?'. */
void write_printable(struct writer *writer, const char *string);
void write_number(struct writer *writer, int64_t number);
void write_uuid(struct writer *writer, const dlg_uuid *uuid);

/* At most so much has a message beside its text, in msgpack or in JSON. */
enum { MESSAGE_ROOM = 256 };

/* A message as an object at the end of `text`, in msgpack; the id is a number there. */
void message_pack(struct text *text, const dlg_message *message);

/* The head of an array of so many messages. */
void messages_pack(struct text *text, size_t count);

#endif
