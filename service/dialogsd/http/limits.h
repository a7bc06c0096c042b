/* limits.h - who tries too often: 429 with the time to wait; and too much at once: 503 with the same. */
#ifndef DIALOGSD_LIMITS_H
#define DIALOGSD_LIMITS_H

#include "http/request_ctx.h"

void limits_open(struct service *service);
void limits_close(struct service *service);

/* Each answers 429 and returns false when it is too often. */
bool limits_allow_login(struct request_ctx *ctx); /* as `ctx->named` */
bool limits_allow_registration(struct request_ctx *ctx);
bool limits_allow_send(struct request_ctx *ctx);

/* Whether the time that the request waits is what load is judged by. */
bool limits_pace(const struct request_ctx *ctx);

/* Whether another request may wait for the database; else answers 503 and returns false. */
bool limits_allow_load(struct request_ctx *ctx);

/*
 * How the login ended that was allowed, or that the library did not take it: only a wrong password counts. On any
 * thread, while the request waits.
 */
void limits_login_ended(struct request_ctx *ctx, int code);

/* Whether the library took the registration that was allowed: one that it refuses does not count. */
void limits_registration_begun(struct request_ctx *ctx, int code);

#endif
