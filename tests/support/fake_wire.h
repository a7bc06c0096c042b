/* fake_wire.h - bytes as PostgreSQL's protocol has them: messages and rows to write, messages to read. */
#ifndef TEST_FAKE_WIRE_H
#define TEST_FAKE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Writing: memory that grows; all zero it is empty ---- */

struct wire {
    char *bytes;
    size_t length, room;
};

void wire_free(struct wire *wire);
void wire_bytes(struct wire *wire, const void *bytes, size_t length);
void wire_int16(struct wire *wire, int value);
void wire_int32(struct wire *wire, int32_t value);
void wire_int64(struct wire *wire, int64_t value);
void wire_text(struct wire *wire, const char *text); /* with its NUL */
void wire_drop(struct wire *wire, size_t length);    /* from the beginning */

/* A message: its type, then what is written until wire_end(), which fills in the length. */
size_t wire_begin(struct wire *wire, char type);
void wire_end(struct wire *wire, size_t begin);

/* Messages of the server. */
void wire_plain(struct wire *wire, char type); /* without a body */
void wire_authentication(struct wire *wire, int32_t kind);
void wire_parameter(struct wire *wire, const char *name, const char *value);
void wire_complete(struct wire *wire, const char *tag);
void wire_ready(struct wire *wire, char transaction);

/* ErrorResponse ('E') or NoticeResponse ('N'). */
void wire_report(struct wire *wire, char type, const char *severity, const char *sqlstate, const char *text);

/* ---- Rows ---- */

/*
 * Columns by letter:  l int8   i int4   b bool   T timestamptz (microseconds since 1970)   t text   u uuid
 *                     n NULL of type text   N NULL of type timestamptz   x bytea
 * Values are written in binary, or as text for the simple protocol.
 */
struct wire_value {
    char type;
    bool null;
    int64_t number;   /* l i b T */
    const void *data; /* t: terminated by NUL; u: 16 bytes; x: `number` bytes */
};

void wire_value(struct wire *wire, const struct wire_value *value, bool binary);

/* RowDescription of columns with these letters. */
void wire_description(struct wire *wire, const char *types, bool binary);

/* ---- Reading ---- */

/* What is left of a message. Reading past the end yields 0 and "", and sets `bad`. */
struct wire_reader {
    const char *at, *end;
    bool bad;
};

int16_t read_int16(struct wire_reader *reader);
int32_t read_int32(struct wire_reader *reader);
const char *read_text(struct wire_reader *reader);
const char *read_bytes(struct wire_reader *reader, size_t length);

#endif
