/* request_checks.h - what a request has to be before its route starts. Each check that refuses has answered. */
#ifndef DIALOGSD_REQUEST_CHECKS_H
#define DIALOGSD_REQUEST_CHECKS_H

#include "http/request_ctx.h"

/* Beyond its limit a body is read on for so long, so that the client gets to see why it is refused. */
enum { DISCARD_LIMIT = 32 * 1024 * 1024 };

/* Of the head: the body is not far too long. */
bool check_length(struct request_ctx *ctx);

/* Whether the call is served on the listener that it came to. */
bool check_listener(const struct request_ctx *ctx);

/* The longest body that the call takes. */
uint64_t body_limit(const struct request_ctx *ctx);

/* Reads the token of the head, when there is one: who has none need not have the body kept. */
void head_token_read(struct request_ctx *ctx);

/* Whether there is a route for the path and the method; what has none is answered here, also the API page. */
bool check_route(struct request_ctx *ctx, const char *path);

/* What the route needs: room among those who wait, a token, a body, the tables. */
bool check_needs(struct request_ctx *ctx);

#endif
