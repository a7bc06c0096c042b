#include "cli/safe_text.h"

#include <string.h>

/* Characters of two and three bytes that a text has no right to do to a screen what they do. */
static const struct {
    unsigned first, last;
} hidden[] = {
    {0x80, 0x9f},                       /* C1: 0x9b begins what ESC [ begins */
    {0x061c, 0x061c},                   /* marks of direction */
    {0x200e, 0x200f}, {0x2028, 0x202e}, /* ends of lines and paragraphs; the text after goes another way */
    {0x2066, 0x2069},
};

/* The code point of two or three bytes of UTF-8, and how many they are; 0: other bytes. */
static unsigned short_rune(const unsigned char *bytes, size_t left, size_t *length)
{
    if (left > 1 && (bytes[0] & 0xe0) == 0xc0) {
        *length = 2;
        return (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
    }
    if (left > 2 && (bytes[0] & 0xf0) == 0xe0) {
        *length = 3;
        return (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
    }
    return 0;
}

/* The character that begins here when it must not reach a screen, and its length; 0: it may. */
static unsigned hidden_at(const unsigned char *bytes, size_t left, size_t *length)
{
    *length = 1;
    if (*bytes < 0x80)
        return (*bytes < 0x20 && *bytes != '\t') || *bytes == 0x7f ? *bytes : 0;
    unsigned point = short_rune(bytes, left, length);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (point >= hidden[i].first && point <= hidden[i].last)
            return point;
    return 0;
}

void safe_text_print(FILE *to, const char *text, size_t length, const char *indent)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t step;
    for (size_t i = 0; i < length; i += step) {
        unsigned point = hidden_at(bytes + i, length - i, &step);
        if (point == '\n' && indent)
            fprintf(to, "\n%s", indent);
        else if (point)
            fprintf(to, point > 0xff ? "\\u%04x" : "\\x%02x", point);
        else
            fwrite(bytes + i, 1, step, to);
    }
}

/* JSON has such characters inside strings only, where they may be written in another way. */
void safe_text_print_json(FILE *to, const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = strlen(text), step;
    for (size_t i = 0; i < length; i += step) {
        unsigned point = hidden_at(bytes + i, length - i, &step);
        if (point)
            fprintf(to, "\\u%04x", point);
        else
            fwrite(bytes + i, 1, step, to);
    }
}
