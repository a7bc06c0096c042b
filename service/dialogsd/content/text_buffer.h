/* text_buffer.h - a growing piece of text, and JSON written straight into it. */
#ifndef DIALOGSD_TEXT_BUFFER_H
#define DIALOGSD_TEXT_BUFFER_H

#include <dialogs.h>
#include <stdbool.h>

struct text_buffer {
    char *data;
    size_t length;
    size_t room;
    bool failed; /* out of memory: what was added since is lost */
};

/* Makes room for `more` bytes; returns where they go, or NULL. */
char *buffer_grow(struct text_buffer *text, size_t more);

void buffer_add(struct text_buffer *text, const char *data, size_t length);
void buffer_add_string(struct text_buffer *text, const char *string);
void buffer_add_format(struct text_buffer *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `data`, which is UTF-8, as it stands within a JSON string; and the whole string, with its quotes. */
void buffer_add_escaped(struct text_buffer *text, const char *data, size_t length);
void buffer_add_json(struct text_buffer *text, const char *data, size_t length);

/* `data`, of which nothing is known, as a JSON string: what is no printable ASCII becomes '?'. */
void buffer_add_json_ascii(struct text_buffer *text, const char *data, size_t length);

/* The UUID, its 36 characters without quotes. */
void buffer_add_uuid(struct text_buffer *text, const dlg_uuid *uuid);

/* RFC 3339 with microseconds, "2024-05-01T10:00:00.000123Z", without quotes. */
void buffer_add_time(struct text_buffer *text, int64_t time_us);

/* Copies what lies behind the first `*at` bytes, as much as there is room for; moves `*at` on by what it returns. */
size_t buffer_read(const struct text_buffer *text, size_t *at, char *to, size_t room);

/* Frees it; `buffer_wipe` overwrites it first. */
void buffer_free(struct text_buffer *text);
void buffer_wipe(struct text_buffer *text);

#endif
