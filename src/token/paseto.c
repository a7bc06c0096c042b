#include "token/paseto.h"

#include "base/base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "v4.public."
enum {
    HEADER_LENGTH = sizeof HEADER - 1,
    VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    ENCODED_LIMIT = 2 * PASETO_LIMIT
};

struct slice slice_text(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static unsigned char *put_number(unsigned char *to, uint64_t number)
{
    for (int i = 0; i < 8; i++, number >>= 8)
        *to++ = (unsigned char)(number & (i < 7 ? 0xff : 0x7f));
    return to;
}

static unsigned char *put_slice(unsigned char *to, struct slice slice)
{
    to = put_number(to, slice.length);
    if (slice.length > 0)
        memcpy(to, slice.bytes, slice.length);
    return to + slice.length;
}

/*
 * Pre-authentication encoding: what is signed. Parts carry their lengths, so that none can pass for
 * another. Returns its length, or 0 when there is no room.
 */
static size_t encode(struct slice message, struct slice footer, struct slice implicit,
                     unsigned char encoded[ENCODED_LIMIT])
{
    const struct slice parts[] = {{HEADER, HEADER_LENGTH}, message, footer, implicit};
    enum { COUNT = sizeof parts / sizeof *parts };
    unsigned char *to = put_number(encoded, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        size_t room = ENCODED_LIMIT - (size_t)(to - encoded);
        if (room < 8 || parts[i].length > room - 8)
            return 0;
        to = put_slice(to, parts[i]);
    }
    return (size_t)(to - encoded);
}

/* header base64(message signature) [. base64(footer)] */
static char *assemble(struct slice body, struct slice footer)
{
    size_t body_size = sodium_base64_encoded_len(body.length, VARIANT);
    size_t footer_size = footer.length > 0 ? sodium_base64_encoded_len(footer.length, VARIANT) : 0;
    size_t size = HEADER_LENGTH + body_size + footer_size;
    char *token = size <= PASETO_LIMIT + 1 ? malloc(size) : NULL;
    if (!token)
        return NULL;
    memcpy(token, HEADER, HEADER_LENGTH);
    char *end = token + HEADER_LENGTH;
    sodium_bin2base64(end, body_size, body.bytes, body.length, VARIANT);
    if (footer_size > 0) {
        end += body_size - 1;
        *end++ = '.';
        sodium_bin2base64(end, footer_size, footer.bytes, footer.length, VARIANT);
    }
    return token;
}

char *paseto_sign(struct slice message, struct slice footer, struct slice implicit,
                  const unsigned char secret_key[crypto_sign_SECRETKEYBYTES])
{
    unsigned char encoded[ENCODED_LIMIT], body[PASETO_LIMIT];
    size_t length = encode(message, footer, implicit, encoded);
    if (length == 0 || message.length > sizeof body - crypto_sign_BYTES)
        return NULL;
    if (message.length > 0)
        memcpy(body, message.bytes, message.length);
    crypto_sign_detached(body + message.length, NULL, encoded, length, secret_key);
    return assemble((struct slice){body, message.length + crypto_sign_BYTES}, footer);
}

static bool decode(const char *text, size_t length, unsigned char *room, size_t size, struct slice *decoded)
{
    decoded->bytes = room;
    return base64_decode(VARIANT, text, length, room, size, &decoded->length);
}

bool paseto_parse(const char *token, size_t length, struct paseto *paseto)
{
    if (length > PASETO_LIMIT || length < HEADER_LENGTH || memcmp(token, HEADER, HEADER_LENGTH) != 0)
        return false;
    const char *body = token + HEADER_LENGTH;
    const char *end = token + length;
    const char *dot = memchr(body, '.', (size_t)(end - body));
    struct slice signed_part;
    if (!decode(body, (size_t)((dot ? dot : end) - body), paseto->room, sizeof paseto->room, &signed_part) ||
        signed_part.length < crypto_sign_BYTES)
        return false;
    paseto->message = (struct slice){paseto->room, signed_part.length - crypto_sign_BYTES};
    paseto->signature = paseto->room + paseto->message.length;
    paseto->footer = (struct slice){NULL, 0};
    if (!dot)
        return true;
    return decode(dot + 1, (size_t)(end - dot - 1), paseto->room + signed_part.length,
                  sizeof paseto->room - signed_part.length, &paseto->footer) &&
           paseto->footer.length > 0;
}

bool paseto_verify(const struct paseto *paseto, struct slice implicit,
                   const unsigned char public_key[crypto_sign_PUBLICKEYBYTES])
{
    unsigned char encoded[ENCODED_LIMIT];
    size_t length = encode(paseto->message, paseto->footer, implicit, encoded);
    return length > 0 && crypto_sign_verify_detached(paseto->signature, encoded, length, public_key) == 0;
}
