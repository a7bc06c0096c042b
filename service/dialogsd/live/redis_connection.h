/* redis_line.h - one connection to Redis, whose thread waits for its descriptor itself (hiredis, asynchronous). */
#ifndef DIALOGSD_REDIS_LINE_H
#define DIALOGSD_REDIS_LINE_H

#include "ops/redis_url.h"

#include <hiredis/async.h>

struct line {
    redisAsyncContext *context; /* NULL: not connected */
    bool reads, writes;         /* what hiredis waits for */
};

/* Begins to connect, and to say who asks; commands may follow at once. False when not even that is possible. */
bool line_open(struct line *line, const struct target *target);

/* What was asked is answered with NULL. */
void line_close(struct line *line);

#endif
