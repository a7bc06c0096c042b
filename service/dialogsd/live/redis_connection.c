#include "live/redis_connection.h"

static void add_read(void *line)
{
    ((struct line *)line)->reads = true;
}

static void drop_read(void *line)
{
    ((struct line *)line)->reads = false;
}

static void add_write(void *line)
{
    ((struct line *)line)->writes = true;
}

static void drop_write(void *line)
{
    ((struct line *)line)->writes = false;
}

static void forget(void *line)
{
    ((struct line *)line)->reads = ((struct line *)line)->writes = false;
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    (void)status;
    ((struct line *)context->data)->context = NULL;
}

/* A connection that failed frees itself, without on_disconnect(). */
static void on_connect(const redisAsyncContext *context, int status)
{
    if (status != REDIS_OK)
        ((struct line *)context->data)->context = NULL;
}

void line_close(struct line *line)
{
    redisAsyncContext *context = line->context;
    line->context = NULL;
    if (context)
        redisAsyncFree(context);
}

bool line_open(struct line *line, const struct target *target)
{
    redisAsyncContext *context =
        target->port ? redisAsyncConnect(target->host, target->port) : redisAsyncConnectUnix(target->host);
    if (!context || context->err) {
        if (context)
            redisAsyncFree(context);
        return false;
    }
    *line = (struct line){.context = context};
    context->data = line;
    context->ev.data = line;
    context->ev.addRead = add_read;
    context->ev.delRead = drop_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = drop_write;
    context->ev.cleanup = forget;
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    if (target->password)
        redisAsyncCommand(context, NULL, NULL, "AUTH %s", target->password);
    if (target->database)
        redisAsyncCommand(context, NULL, NULL, "SELECT %d", target->database);
    return line->context != NULL;
}
