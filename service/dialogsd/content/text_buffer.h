/* text.h - a growing piece of text, and JSON written straight into it. */
#ifndef DIALOGSD_TEXT_H
#define DIALOGSD_TEXT_H

#include <dialogs.h>
#include <stdbool.h>

struct text {
    char *data;
    size_t length;
    size_t room;
    bool failed; /* out of memory: what was added since is lost */
};

/* Makes room for `more` bytes; returns where they go, or NULL. */
char *text_reserve(struct text *text, size_t more);

void text_add(struct text *text, const char *data, size_t length);
void text_add_string(struct text *text, const char *string);
void text_add_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `data`, which is UTF-8, as a JSON string with its quotes. */
void text_add_json(struct text *text, const char *data, size_t length);

/* `data`, of which nothing is known, as a JSON string: what is no printable ASCII becomes '?'. */
void text_add_json_ascii(struct text *text, const char *data, size_t length);

/* The UUID, its 36 characters without quotes. */
void text_add_uuid(struct text *text, const dlg_uuid *uuid);

/* RFC 3339 with microseconds, "2024-05-01T10:00:00.000123Z", without quotes. */
void text_add_time(struct text *text, int64_t time_us);

/* Copies what lies behind the first `*at` bytes, as much as there is room for; moves `*at` on by what it returns. */
size_t text_read(const struct text *text, size_t *at, char *to, size_t room);

/* Frees it; `text_wipe` overwrites it first. */
void text_free(struct text *text);
void text_wipe(struct text *text);

#endif
