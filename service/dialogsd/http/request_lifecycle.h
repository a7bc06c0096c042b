/* request_lifecycle.h - the steps of a request, from its head to the end of its answer. */
#ifndef DIALOGSD_REQUEST_LIFECYCLE_H
#define DIALOGSD_REQUEST_LIFECYCLE_H

#include "http/request_ctx.h"

/* What libmicrohttpd has to say about it: see MHD_AccessHandlerCallback. */
enum MHD_Result lifecycle_run(struct request_ctx *ctx, const char *target, const char *method, const char *data,
                              size_t *size);

/* The answer was sent, or the client is gone. Counts it, writes the access log, frees it. */
void lifecycle_end(struct request_ctx *ctx, bool completed);

#endif
