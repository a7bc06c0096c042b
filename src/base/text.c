#include "base/text.h"

#include <stdint.h>
#include <string.h>

/* True: eight bytes that are all ASCII and not NUL. */
static bool plain_eight(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t zero = (word - UINT64_C(0x0101010101010101)) & ~word;
    return ((word | zero) & UINT64_C(0x8080808080808080)) == 0;
}

/* The length of the character at `byte`, 0 when it is none. Table 3-7 of the Unicode Standard. */
static size_t character_length(const uint8_t *byte, size_t left)
{
    uint8_t first = byte[0];
    if (first < 0x80)
        return first != 0;
    size_t length = first >= 0xc2 && first < 0xe0   ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    uint8_t second = byte[1];
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    return overlong || beyond ? 0 : length;
}

bool text_is_valid(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        if (length - at >= 8 && plain_eight(text + at)) {
            at += 8;
            continue;
        }
        size_t step = character_length((const uint8_t *)text + at, length - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

void text_make_valid(char *text)
{
    size_t left = strlen(text);
    for (size_t step; left; text += step, left -= step) {
        step = character_length((const uint8_t *)text, left);
        if (step)
            continue;
        *text = '?';
        step = 1;
    }
}

char *text_copy(char **at, const char *text, size_t length)
{
    char *copy = *at;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *at += length + 1;
    return copy;
}
