/* handlers.h - what the routes do; a handler's name says its call. */
#ifndef DIALOGSD_HANDLERS_H
#define DIALOGSD_HANDLERS_H

struct exchange;

void login_start(struct exchange *exchange);
void login_finish(struct exchange *exchange);
void logout(struct exchange *exchange);
void register_start(struct exchange *exchange);
void register_finish(struct exchange *exchange);
void user_get_start(struct exchange *exchange);
void user_get_finish(struct exchange *exchange);
void user_search_start(struct exchange *exchange);
void user_search_finish(struct exchange *exchange);
void send_start(struct exchange *exchange);
void send_finish(struct exchange *exchange);
void list_start(struct exchange *exchange);
void list_finish(struct exchange *exchange);
void events_start(struct exchange *exchange);
void events_finish(struct exchange *exchange);
void health(struct exchange *exchange);
void metrics_show(struct exchange *exchange);
void readiness(struct exchange *exchange);

#endif
