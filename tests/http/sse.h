/* sse.h - a client of GET /events, byte by byte over a socket. */
#ifndef TEST_SSE_H
#define TEST_SSE_H

#include <dialogs.h>
#include <stdbool.h>
#include <stddef.h>

struct sse {
    int fd;
    char *text; /* the body so far, without its chunks' frames */
    size_t length, room;
    char *raw; /* what is left of the frames */
    size_t raw_length;
    size_t at;                     /* in the text: what was looked at */
    bool closed;                   /* by the other side, or the answer ended */
    char last_id[DLG_CURSOR_SIZE]; /* as a browser keeps it */
    char data[70000];              /* of the last event */
};

/* Asks for the stream, from `last_id` on when that is not NULL, and waits for its beginning. */
void sse_open(struct sse *sse, int port, const char *token, const char *last_id);

/* The same with a query, "" or "?name=value"; `token` may be NULL. */
void sse_open_query(struct sse *sse, int port, const char *token, const char *last_id, const char *query);

/* The next message: true, and its JSON is in `data`. False when none comes for so long, or the stream ends. */
bool sse_next(struct sse *sse, int patience_ms);

/* Whether so many signs of life, comments and cursors, come in that time. */
bool sse_beats(struct sse *sse, int count, int patience_ms);

/* The text of the message in `data`, to be freed. */
char *sse_text(const struct sse *sse);

/* A message comes within ten seconds, and this is its text. */
void sse_expect(struct sse *sse, const char *expected);

/* Fails when a message comes within 300 ms. */
void sse_expect_silence(struct sse *sse);

void sse_close(struct sse *sse);

#endif
