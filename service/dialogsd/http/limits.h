/* limits.h - who tries too often: 429 with the time to wait; and too much at once: 503 with the same. */
#ifndef DIALOGSD_LIMITS_H
#define DIALOGSD_LIMITS_H

#include "http/request_ctx.h"

void limits_open(struct service *service);

/* Each answers 429 and returns false when it is too often. */
bool limits_allow_login(struct exchange *exchange, const dlg_uuid *user);
bool limits_allow_registration(struct exchange *exchange);
bool limits_allow_send(struct exchange *exchange);

/* Whether the time that the request waits is what load is judged by. */
bool limits_pace(const struct exchange *exchange);

/* Whether another request may wait for the database; else answers 503 and returns false. */
bool limits_allow_load(struct exchange *exchange);

/* How the login ended that was allowed: a right password does not count. On the library's thread. */
void limits_login_ended(struct exchange *exchange, int code);

#endif
