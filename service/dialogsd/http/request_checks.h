/* request_checks.h - what a request has to be before its route starts. Each check that refuses has answered. */
#ifndef DIALOGSD_REQUEST_CHECKS_H
#define DIALOGSD_REQUEST_CHECKS_H

#include "http/request_ctx.h"

/* Beyond its limit a body is read on for so long, so that the client gets to see why it is refused. */
enum { DISCARD_LIMIT = 32 * 1024 * 1024 };

/* Of the head: where the body ends is said once, and it is not far too long. */
bool check_framing(struct request_ctx *ctx);
bool check_length(struct request_ctx *ctx);

/* Whether there is a route for the path and the method; what has none is answered here, also the API page. */
bool check_route(struct request_ctx *ctx, const char *path);

/* What the route needs: room among those who wait, a token, a body, the tables. */
bool check_needs(struct request_ctx *ctx);

#endif
