/* session_routes.h - POST /login and POST /logout. */
#ifndef DIALOGSD_SESSION_ROUTES_H
#define DIALOGSD_SESSION_ROUTES_H

struct request_ctx;

void session_login_start(struct request_ctx *ctx);
void session_login_finish(struct request_ctx *ctx);
void session_logout_start(struct request_ctx *ctx);
void session_logout_finish(struct request_ctx *ctx);

#endif
