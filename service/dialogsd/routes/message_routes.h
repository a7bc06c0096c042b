/* message_routes.h - POST /dialog/{user_id}/send and GET /dialog/{user_id}/list. */
#ifndef DIALOGSD_MESSAGE_ROUTES_H
#define DIALOGSD_MESSAGE_ROUTES_H

struct request_ctx;

void message_send_start(struct request_ctx *ctx);
void message_send_finish(struct request_ctx *ctx);
void message_list_start(struct request_ctx *ctx);
void message_list_finish(struct request_ctx *ctx);

#endif
