/* timestamp.h - moments as text: ISO 8601 in the profile of RFC 3339. */
#ifndef DIALOGS_TIMESTAMP_H
#define DIALOGS_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TIMESTAMP_SIZE = 28 }; /* "2024-02-29T12:34:56.123456Z" and the NUL */

/* Writes a moment in UTC, to the microsecond. False for one outside the years 0 to 9999. */
bool timestamp_format(int64_t moment_us, char text[TIMESTAMP_SIZE]);

/*
 * Reads a moment with an offset (Z, +HH:MM, +HHMM), with or without a fraction, of which
 * microseconds are kept.
 */
bool timestamp_parse(const char *text, size_t length, int64_t *moment_us);

#endif
