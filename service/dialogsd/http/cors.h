/* cors.h - which other sites' pages may use the service from a browser (Fetch standard, "CORS protocol"). */
#ifndef DIALOGSD_CORS_H
#define DIALOGSD_CORS_H

#include "http/request_ctx.h"

/* Says that the page that asks may read the answer, when it may. */
void cors_answer(const struct request_ctx *ctx, struct MHD_Response *response);

/* The same for the question that a browser asks beforehand, with OPTIONS. */
void cors_preflight(const struct request_ctx *ctx, struct MHD_Response *response);

#endif
