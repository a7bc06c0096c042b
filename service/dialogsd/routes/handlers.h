/* handlers.h - what the routes do; a handler's name says its call. */
#ifndef DIALOGSD_HANDLERS_H
#define DIALOGSD_HANDLERS_H

struct request_ctx;

void login_start(struct request_ctx *ctx);
void login_finish(struct request_ctx *ctx);
void logout(struct request_ctx *ctx);
void register_start(struct request_ctx *ctx);
void register_finish(struct request_ctx *ctx);
void user_get_start(struct request_ctx *ctx);
void user_get_finish(struct request_ctx *ctx);
void user_search_start(struct request_ctx *ctx);
void user_search_finish(struct request_ctx *ctx);
void send_start(struct request_ctx *ctx);
void send_finish(struct request_ctx *ctx);
void list_start(struct request_ctx *ctx);
void list_finish(struct request_ctx *ctx);
void events_start(struct request_ctx *ctx);
void events_finish(struct request_ctx *ctx);
void health(struct request_ctx *ctx);
void metrics_show(struct request_ctx *ctx);
void readiness(struct request_ctx *ctx);

#endif
