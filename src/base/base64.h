/* base64.h - libsodium's base64 decoder, made strict: no byte string has two spellings. */
#ifndef DIALOGS_BASE64_H
#define DIALOGS_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Decodes up to `room` bytes. `variant`: one of sodium_base64_VARIANT_*. False for a character that
 * is not of the alphabet, stray bits, padding other than the variant's, and too small a room.
 */
bool base64_decode(int variant, const char *text, size_t length, unsigned char *bytes, size_t room, size_t *decoded);

#endif
