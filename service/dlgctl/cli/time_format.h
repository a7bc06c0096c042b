/* moment.h - times as people write them. */
#ifndef SERVICE_MOMENT_H
#define SERVICE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

enum { MOMENT_SIZE = 48 };

/* "2026-01-31 10:20:30", of this machine's time zone. */
void moment_local(int64_t us, char *text);

/* "2026-01-31T10:20:30.123456Z" (RFC 3339). */
void moment_utc(int64_t us, char *text);

/* "2026-01-31T10:20:30", UTC, as moment_parse() reads it. */
void moment_seconds(int64_t us, char *text);

/* "2026-01-31", "2026-01-31T10:20" or "2026-01-31T10:20:30", UTC, with or without a Z. */
bool moment_parse(const char *text, int64_t *us);

/* Now. */
int64_t moment_now(void);

#endif
