/*
 * library_call.h - a request that waits for the library. For a route:
 *     call_begin(ctx);
 *     call_submitted(ctx, dlg_..._async(..., call_arrived, ctx, &ctx->error));
 */
#ifndef DIALOGSD_LIBRARY_CALL_H
#define DIALOGSD_LIBRARY_CALL_H

#include "http/request_ctx.h"

/* Suspends the connection, and counts the request among those that wait. */
void call_begin(struct request_ctx *ctx);

/* The library took the call; or, `code`, it did not: then the connection goes on at once. */
void call_submitted(struct request_ctx *ctx, int code);

/* About how many bytes a reply holds, beside what every one does. */
size_t reply_cost(const dlg_reply *reply);

/* The library's callback: keeps the reply, if there is memory for it, and resumes the connection. */
void call_arrived(dlg_reply *reply, void *ctx);

/* The connection goes on: the request waits no more. */
void call_end(struct request_ctx *ctx);

/* The client is gone; the request may have waited. */
void call_abandon(struct request_ctx *ctx);

#endif
