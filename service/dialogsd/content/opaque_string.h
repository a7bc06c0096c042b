/* opaque_string.h - passwords in the one form that all keyboards agree on (RFC 8265, OpaqueString). */
#ifndef DIALOGSD_OPAQUE_STRING_H
#define DIALOGSD_OPAQUE_STRING_H

#include <stddef.h>

/*
 * The password in Unicode's composed form (NFC), each space a plain one; to be given to opaque_string_free(). NULL: it
 * has that form, or the standard has none for it, for example because it has control characters. It is used as it is
 * then.
 */
char *opaque_string_new(const char *password, size_t length, size_t *new_length);

/* Wipes; NULL is fine. */
void opaque_string_free(char *password, size_t length);

#endif
