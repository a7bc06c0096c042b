/* session_routes.h - POST /login, POST /logout and POST /events/ticket. */
#ifndef DIALOGSD_SESSION_ROUTES_H
#define DIALOGSD_SESSION_ROUTES_H

struct request_ctx;

void session_login_start(struct request_ctx *ctx);
void session_login_finish(struct request_ctx *ctx);
void session_logout_start(struct request_ctx *ctx);
void session_logout_finish(struct request_ctx *ctx);
void session_ticket(struct request_ctx *ctx);

#endif
