#include "base/base64.h"

#include <sodium.h>

/* libsodium 1.0.18 takes every byte from 0x80 on for the alphabet's last character. */
static bool is_ascii(const char *text, size_t length)
{
    unsigned char bits = 0;
    for (size_t i = 0; i < length; i++)
        bits |= (unsigned char)text[i];
    return bits < 0x80;
}

bool base64_decode(int variant, const char *text, size_t length, unsigned char *bytes, size_t room, size_t *decoded)
{
    return is_ascii(text, length) && sodium_base642bin(bytes, room, text, length, NULL, decoded, NULL, variant) == 0;
}
