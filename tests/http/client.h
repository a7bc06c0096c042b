/* client.h - HTTP calls by libcurl, each on a connection that is kept for the next. */
#ifndef TEST_CLIENT_H
#define TEST_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { HEADERS_MOST = 8 };

struct call {
    int port;
    const char *method;                /* NULL: POST with a body, else GET */
    const char *path;                  /* with its query, as is */
    const char *token;                 /* NULL: none */
    const char *body;                  /* NULL: none */
    size_t length;                     /* of it; 0: up to its NUL */
    const char *headers[HEADERS_MOST]; /* "Name: value"; Content-Type is application/json unless here */
    long timeout_ms;                   /* 0: 20 seconds */
};

struct answer {
    long status;
    char *headers;
    char *body; /* followed by a NUL */
    size_t length;
};

/* False when no whole answer came; the answer is to be freed either way. */
bool call_try(struct answer *answer, const struct call *call);

/* Fails the test when no whole answer came, or one of another status. */
void call_expect(struct answer *answer, const struct call *call, long status);

/* A thread that made calls, and ends, closes its connections. */
void call_end(void);

void answer_free(struct answer *answer);

/* The value of a header, to be freed; NULL when there is none. */
char *answer_header(const struct answer *answer, const char *name);

/* The body, to be given to json_decref(); fails the test when it is none, or says to be another type. */
json_t *answer_json(const struct answer *answer);

/*
 * Expects an error: its status, body {message, request_id, code} with this code, X-Request-Id, and
 * Retry-After where that belongs. The message, to be freed.
 */
char *expect_error(const struct call *call, long status, int code);

#endif
