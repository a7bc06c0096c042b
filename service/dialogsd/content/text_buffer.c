#include "content/text_buffer.h"

#include "common/service_clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SMALLEST = 512, TIME_SIZE = 32 };

char *buffer_grow(struct text_buffer *text, size_t more)
{
    if (text->failed)
        return NULL;
    if (text->room - text->length >= more)
        return text->data + text->length;
    size_t room = text->room ? text->room : SMALLEST;
    while (room - text->length < more)
        room *= 2;
    char *data = realloc(text->data, room);
    if (!data) {
        text->failed = true;
        return NULL;
    }
    text->data = data;
    text->room = room;
    return data + text->length;
}

void buffer_add(struct text_buffer *text, const char *data, size_t length)
{
    char *to = buffer_grow(text, length);
    if (!to)
        return;
    if (length)
        memcpy(to, data, length);
    text->length += length;
}

void buffer_add_string(struct text_buffer *text, const char *string)
{
    buffer_add(text, string, strlen(string));
}

void buffer_add_format(struct text_buffer *text, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof line)
        text->failed = true;
    else
        buffer_add(text, line, (size_t)length);
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

/* The letter after the backslash; 'u' for those that have none. */
static char escape_of(unsigned char c)
{
    static const char short_forms[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\')
        return (char)c;
    return short_forms[c] ? short_forms[c] : 'u';
}

static char *put_escaped(char *to, unsigned char c, char escape)
{
    static const char digits[] = "0123456789abcdef";
    *to++ = '\\';
    *to++ = escape;
    if (escape != 'u')
        return to;
    *to++ = '0';
    *to++ = '0';
    *to++ = digits[c >> 4];
    *to++ = digits[c & 15];
    return to;
}

/* Copies in runs: most texts have nothing to escape. Room is made for the worst case of a piece. */
void buffer_add_escaped(struct text_buffer *text, const char *data, size_t length)
{
    enum { PIECE = 4096 };
    for (size_t at = 0; at < length;) {
        size_t end = length - at < PIECE ? length : at + PIECE;
        char *start = buffer_grow(text, 6 * (end - at));
        if (!start)
            return;
        char *to = start;
        while (at < end) {
            size_t run = at;
            while (run < end && is_plain(data[run]))
                run++;
            memcpy(to, data + at, run - at);
            to += run - at;
            at = run;
            if (at < end) {
                unsigned char c = (unsigned char)data[at++];
                to = put_escaped(to, c, escape_of(c));
            }
        }
        text->length += (size_t)(to - start);
    }
}

void buffer_add_json(struct text_buffer *text, const char *data, size_t length)
{
    buffer_add(text, "\"", 1);
    buffer_add_escaped(text, data, length);
    buffer_add(text, "\"", 1);
}

void buffer_add_json_ascii(struct text_buffer *text, const char *data, size_t length)
{
    buffer_add(text, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        char c = data[i];
        if (c < 0x20 || c > 0x7e)
            c = '?';
        if (c == '"' || c == '\\')
            buffer_add(text, "\\", 1);
        buffer_add(text, &c, 1);
    }
    buffer_add(text, "\"", 1);
}

void buffer_add_uuid(struct text_buffer *text, const dlg_uuid *uuid)
{
    char *to = buffer_grow(text, DLG_UUID_TEXT_SIZE);
    if (!to)
        return;
    dlg_uuid_format(to, uuid);
    text->length += DLG_UUID_TEXT_SIZE - 1;
}

static char *put_digits(char *to, int number, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + number % 10);
        number /= 10;
    }
    to[digits] = after;
    return to + digits + 1;
}

void buffer_add_time(struct text_buffer *text, int64_t time_us)
{
    time_us = calendar_us(time_us);
    int64_t micros = time_us % 1000000;
    int64_t seconds = time_us / 1000000;
    if (micros < 0) {
        micros += 1000000;
        seconds--;
    }
    struct tm tm;
    time_t clock = (time_t)seconds;
    char *to = buffer_grow(text, TIME_SIZE);
    if (!to || !gmtime_r(&clock, &tm))
        return;
    char *end = put_digits(to, tm.tm_year + 1900, 4, '-');
    end = put_digits(end, tm.tm_mon + 1, 2, '-');
    end = put_digits(end, tm.tm_mday, 2, 'T');
    end = put_digits(end, tm.tm_hour, 2, ':');
    end = put_digits(end, tm.tm_min, 2, ':');
    end = put_digits(end, tm.tm_sec, 2, '.');
    end = put_digits(end, (int)micros, 6, 'Z');
    text->length += (size_t)(end - to);
}

size_t buffer_read(const struct text_buffer *text, size_t *at, char *to, size_t room)
{
    size_t left = text->length - *at;
    size_t length = left < room ? left : room;
    memcpy(to, text->data + *at, length);
    *at += length;
    return length;
}

void buffer_free(struct text_buffer *text)
{
    free(text->data);
    *text = (struct text_buffer){0};
}

void buffer_wipe(struct text_buffer *text)
{
    if (text->data)
        explicit_bzero(text->data, text->room);
    buffer_free(text);
}
