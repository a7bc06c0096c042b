/* time_format.h - times as people write them. */
#ifndef DLGCTL_TIME_FORMAT_H
#define DLGCTL_TIME_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

enum { TIME_TEXT_SIZE = 48 };

/* "2026-01-31 10:20:30", of this machine's time zone. */
void time_format_local(int64_t us, char *text);

/* "2026-01-31T10:20:30.123456Z" (RFC 3339). */
void time_format_utc(int64_t us, char *text);

/* "2026-01-31T10:20:30", UTC, as time_parse() reads it. */
void time_format_seconds(int64_t us, char *text);

/* "2026-01-31", "2026-01-31T10:20" or "2026-01-31T10:20:30", UTC, with or without a Z. */
bool time_parse(const char *text, int64_t *us);

#endif
