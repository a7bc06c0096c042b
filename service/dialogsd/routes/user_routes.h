/* user_routes.h - the calls below /user. */
#ifndef DIALOGSD_USER_ROUTES_H
#define DIALOGSD_USER_ROUTES_H

struct request_ctx;

void user_register_start(struct request_ctx *ctx);
void user_register_finish(struct request_ctx *ctx);
void user_get_start(struct request_ctx *ctx);
void user_get_finish(struct request_ctx *ctx);
void user_search_start(struct request_ctx *ctx);
void user_search_finish(struct request_ctx *ctx);

#endif
