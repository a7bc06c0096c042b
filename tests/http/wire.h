/* wire.h - bytes to and from a socket: for what no well-behaved client sends. */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include <stdbool.h>
#include <stddef.h>

/* A connection to 127.0.0.1. */
int wire_open(int port);

/* The same; -1 when nobody listens there. */
int wire_try(int port);

/* Whether nobody listens there. */
bool wire_refused(int port);

/* False when the other side does not take it all. */
bool wire_write(int fd, const char *data, size_t length);
bool wire_say(int fd, const char *text);

/* What comes until the other side closes, or nothing has come for `patience_ms`; to be freed. */
char *wire_read(int fd, int patience_ms, bool *closed);

/* How often `part` is in `text`. */
size_t count_of(const char *text, const char *part);

#endif
