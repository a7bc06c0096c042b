/*
 * turns.h - requests that wait for their turn at something dear, fairly between addresses: hashing passwords,
 * searching. For a route:
 *     turn_begin(ctx, &ctx->service->passwords, &login_turn);
 * and in the callback of the library, before call_arrived():
 *     turn_end(ctx);
 */
#ifndef DIALOGSD_TURNS_H
#define DIALOGSD_TURNS_H

#include "http/request_ctx.h"

struct turn {
    int (*submit)(struct request_ctx *ctx);             /* dlg_..._async() with what ctx->input has; any thread */
    void (*refused)(struct request_ctx *ctx, int code); /* there was no turn, or the library did not take it; or NULL */
};

/* Suspends the connection until the library has answered, or answers that too many wait. */
void turn_begin(struct request_ctx *ctx, struct fair_queue *queue, const struct turn *turn);

/* The library has answered: the next one runs. On the library's thread. */
void turn_end(struct request_ctx *ctx);

/* Those who have waited too long wait no more. For the main thread, now and then. */
void turns_expire(struct service *service);

/* The request is over, whether it had its turn or not. */
void turn_forget(struct request_ctx *ctx);

#endif
