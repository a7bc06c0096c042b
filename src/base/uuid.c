#include "base/uuid.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int dlg_uuid_parse(dlg_uuid *uuid, const char *text, size_t length)
{
    if (!text || !uuid)
        return DLG_E_ARGUMENT;
    if (length == DLG_NTS)
        length = strnlen(text, DLG_UUID_TEXT_SIZE);
    if (length != DLG_UUID_TEXT_SIZE - 1)
        return DLG_E_ARGUMENT;
    for (size_t i = 0; i < sizeof uuid->bytes; i++) {
        if (dash_before(i) && *text++ != '-')
            return DLG_E_ARGUMENT;
        int high = hex_digit(*text++);
        int low = hex_digit(*text++);
        if (high < 0 || low < 0)
            return DLG_E_ARGUMENT;
        uuid->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return DLG_OK;
}

void dlg_uuid_format(char *text, const dlg_uuid *uuid)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof uuid->bytes; i++) {
        if (dash_before(i))
            *text++ = '-';
        *text++ = digits[uuid->bytes[i] >> 4];
        *text++ = digits[uuid->bytes[i] & 15];
    }
    *text = '\0';
}

void dlg_uuid_random(dlg_uuid *uuid)
{
    if (sodium_init() < 0) /* thread-safe; does nothing when done before */
        abort();
    randombytes_buf(uuid->bytes, sizeof uuid->bytes);
    uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | 0x40);
    uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
}

int dlg_uuid_compare(const dlg_uuid *a, const dlg_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool uuid_is_nil(const dlg_uuid *uuid)
{
    static const dlg_uuid nil;
    return memcmp(uuid->bytes, nil.bytes, sizeof nil.bytes) == 0;
}
