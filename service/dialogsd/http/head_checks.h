/*
 * head_checks.h - what RFC 9112 asks of a request's head and libmicrohttpd lets through. A proxy that reads it
 * otherwise sees another request than we do (RFC 9112, 11.2), so it is refused, and the connection is closed.
 */
#ifndef DIALOGSD_HEAD_CHECKS_H
#define DIALOGSD_HEAD_CHECKS_H

#include "http/request_ctx.h"

/* Also takes off the blanks behind the values. What it refuses it has answered. */
bool check_head(struct request_ctx *ctx);

#endif
