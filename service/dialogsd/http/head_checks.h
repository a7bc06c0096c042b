/*
 * head_checks.h - what RFC 9112 asks of a request and libmicrohttpd lets through. A proxy that reads it otherwise sees
 * another request than we do (RFC 9112, 11.2), so it is refused, and the connection is closed.
 */
#ifndef DIALOGSD_HEAD_CHECKS_H
#define DIALOGSD_HEAD_CHECKS_H

#include "http/request_ctx.h"

/*
 * Whether libmicrohttpd parses a head where it lies, and takes a bare LF for the end of a line and a NUL for the end of
 * a word. Where the words lie then tells of both, but for a NUL just before a bare LF, and for empty lines before the
 * request. Later versions look themselves (MHD_OPTION_STRICT_FOR_CLIENT).
 */
bool head_lies_as_it_came(void);

/* Also takes off the blanks behind the values. What it refuses it has answered. */
bool check_head(struct request_ctx *ctx, const char *method);

/* A part of the body arrives. Looks at the line before it, when it is the first of a chunk and the line is still there.
 */
void note_chunk(struct request_ctx *ctx, const char *data);

/* The body is whole: its chunks, as far as they were seen. What it refuses it has answered. */
bool check_chunks(struct request_ctx *ctx);

#endif
