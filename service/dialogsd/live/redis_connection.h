/* redis_connection.h - one connection to Redis, whose thread waits for its descriptor itself (hiredis, asynchronous).
 */
#ifndef DIALOGSD_REDIS_CONNECTION_H
#define DIALOGSD_REDIS_CONNECTION_H

#include "ops/redis_url.h"

#include <hiredis/async.h>

struct redis_connection {
    redisAsyncContext *context; /* NULL: not connected */
    bool reads, writes;         /* what hiredis waits for */
};

/* Begins to connect, and to say who asks; commands may follow at once. False when not even that is possible. */
bool redis_connection_open(struct redis_connection *connection, const struct redis_url *url);

/* What was asked is answered with NULL. */
void redis_connection_close(struct redis_connection *connection);

#endif
