#include "content/opaque_string.h"

#include <gnutls/gnutls.h>
#include <string.h>

char *opaque_string_new(const char *password, size_t length, size_t *new_length)
{
    gnutls_datum_t out = {NULL, 0};
    if (gnutls_utf8_password_normalize((const unsigned char *)password, (unsigned)length, &out, 0) < 0)
        return NULL;
    *new_length = out.size;
    if (out.size != length || memcmp(out.data, password, length) != 0)
        return (char *)out.data;
    opaque_string_free((char *)out.data, out.size);
    return NULL;
}

void opaque_string_free(char *password, size_t length)
{
    if (password)
        explicit_bzero(password, length);
    gnutls_free(password);
}
