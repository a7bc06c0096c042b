#include "fake_wire.h"

#include "pg/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Writing ---- */

void wire_free(struct wire *wire)
{
    free(wire->bytes);
    *wire = (struct wire){0};
}

void wire_bytes(struct wire *wire, const void *bytes, size_t length)
{
    if (wire->length + length > wire->room) {
        wire->room = 2 * (wire->length + length) + 64;
        wire->bytes = realloc(wire->bytes, wire->room);
        if (!wire->bytes)
            abort();
    }
    if (length)
        memcpy(wire->bytes + wire->length, bytes, length);
    wire->length += length;
}

void wire_int16(struct wire *wire, int value)
{
    char bytes[2] = {(char)(value >> 8), (char)value};
    wire_bytes(wire, bytes, sizeof bytes);
}

void wire_int32(struct wire *wire, int32_t value)
{
    char bytes[4];
    put_int32(bytes, value);
    wire_bytes(wire, bytes, sizeof bytes);
}

void wire_int64(struct wire *wire, int64_t value)
{
    char bytes[8];
    put_int64(bytes, value);
    wire_bytes(wire, bytes, sizeof bytes);
}

void wire_text(struct wire *wire, const char *text)
{
    wire_bytes(wire, text, strlen(text) + 1);
}

void wire_drop(struct wire *wire, size_t length)
{
    wire->length -= length;
    if (wire->length)
        memmove(wire->bytes, wire->bytes + length, wire->length);
}

size_t wire_begin(struct wire *wire, char type)
{
    wire_bytes(wire, &type, 1);
    wire_int32(wire, 0);
    return wire->length - sizeof(int32_t);
}

void wire_end(struct wire *wire, size_t begin)
{
    put_int32(wire->bytes + begin, (int32_t)(wire->length - begin));
}

void wire_plain(struct wire *wire, char type)
{
    wire_end(wire, wire_begin(wire, type));
}

void wire_authentication(struct wire *wire, int32_t kind)
{
    size_t begin = wire_begin(wire, 'R');
    wire_int32(wire, kind);
    wire_end(wire, begin);
}

void wire_parameter(struct wire *wire, const char *name, const char *value)
{
    size_t begin = wire_begin(wire, 'S');
    wire_text(wire, name);
    wire_text(wire, value);
    wire_end(wire, begin);
}

void wire_complete(struct wire *wire, const char *tag)
{
    size_t begin = wire_begin(wire, 'C');
    wire_text(wire, tag);
    wire_end(wire, begin);
}

void wire_ready(struct wire *wire, char transaction)
{
    size_t begin = wire_begin(wire, 'Z');
    wire_bytes(wire, &transaction, 1);
    wire_end(wire, begin);
}

static void report_field(struct wire *wire, char field, const char *text)
{
    wire_bytes(wire, &field, 1);
    wire_text(wire, text);
}

void wire_report(struct wire *wire, char type, const char *severity, const char *sqlstate, const char *text)
{
    size_t begin = wire_begin(wire, type);
    report_field(wire, 'S', severity);
    report_field(wire, 'V', severity);
    report_field(wire, 'C', sqlstate);
    report_field(wire, 'M', text);
    wire_bytes(wire, "", 1);
    wire_end(wire, begin);
}

/* ---- Rows ---- */

static void value_text(struct wire *wire, const struct wire_value *value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value->number);
    const char *from = value->type == 't' ? value->data : value->type != 'b' ? text : value->number ? "t" : "f";
    wire_int32(wire, (int32_t)strlen(from));
    wire_bytes(wire, from, strlen(from));
}

static void value_data(struct wire *wire, const void *data, size_t length)
{
    wire_int32(wire, (int32_t)length);
    wire_bytes(wire, data, length);
}

static void value_binary(struct wire *wire, const struct wire_value *value)
{
    char number[8];
    put_int64(number, value->type == 'T' ? timestamp_from_us(value->number) : value->number);
    if (value->type == 'l' || value->type == 'T')
        value_data(wire, number, 8);
    else if (value->type == 'i')
        value_data(wire, number + 4, 4);
    else if (value->type == 'b')
        value_data(wire, number + 7, 1);
    else if (value->type == 'u')
        value_data(wire, value->data, 16);
    else
        value_data(wire, value->data, value->type == 'x' ? (size_t)value->number : strlen(value->data));
}

void wire_value(struct wire *wire, const struct wire_value *value, bool binary)
{
    if (value->null || value->type == 'n' || value->type == 'N')
        wire_int32(wire, -1);
    else if (binary)
        value_binary(wire, value);
    else
        value_text(wire, value);
}

static Oid type_oid(char letter)
{
    static const struct {
        char letter;
        Oid oid;
    } types[] = {{'l', OID_INT8}, {'i', OID_INT4}, {'b', OID_BOOL},        {'t', OID_TEXT}, {'T', OID_TIMESTAMPTZ},
                 {'u', OID_UUID}, {'n', OID_TEXT}, {'N', OID_TIMESTAMPTZ}, {'x', OID_BYTEA}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].letter == letter)
            return types[i].oid;
    abort();
}

void wire_description(struct wire *wire, const char *types, bool binary)
{
    size_t begin = wire_begin(wire, 'T');
    wire_int16(wire, (int)strlen(types));
    for (; *types; types++) {
        wire_text(wire, "column");
        wire_int32(wire, 0); /* of no table */
        wire_int16(wire, 0);
        wire_int32(wire, (int32_t)type_oid(*types));
        wire_int16(wire, -1);
        wire_int32(wire, -1);
        wire_int16(wire, binary);
    }
    wire_end(wire, begin);
}

/* ---- Reading ---- */

const char *read_bytes(struct wire_reader *reader, size_t length)
{
    static const char nothing[8];
    if ((size_t)(reader->end - reader->at) < length) {
        reader->bad = true;
        return nothing;
    }
    const char *bytes = reader->at;
    reader->at += length;
    return bytes;
}

int16_t read_int16(struct wire_reader *reader)
{
    const uint8_t *bytes = (const uint8_t *)read_bytes(reader, 2);
    return (int16_t)(bytes[0] << 8 | bytes[1]);
}

int32_t read_int32(struct wire_reader *reader)
{
    return get_int32(read_bytes(reader, 4));
}

const char *read_text(struct wire_reader *reader)
{
    size_t left = (size_t)(reader->end - reader->at);
    size_t length = strnlen(reader->at, left);
    if (length == left) {
        reader->bad = true;
        return "";
    }
    return read_bytes(reader, length + 1);
}
