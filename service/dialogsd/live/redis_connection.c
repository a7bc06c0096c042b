#include "live/redis_connection.h"

static void add_read(void *connection)
{
    ((struct redis_connection *)connection)->reads = true;
}

static void drop_read(void *connection)
{
    ((struct redis_connection *)connection)->reads = false;
}

static void add_write(void *connection)
{
    ((struct redis_connection *)connection)->writes = true;
}

static void drop_write(void *connection)
{
    ((struct redis_connection *)connection)->writes = false;
}

static void forget(void *connection)
{
    ((struct redis_connection *)connection)->reads = ((struct redis_connection *)connection)->writes = false;
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    (void)status;
    ((struct redis_connection *)context->data)->context = NULL;
}

/* A connection that failed frees itself, without on_disconnect(). */
static void on_connect(const redisAsyncContext *context, int status)
{
    if (status != REDIS_OK)
        ((struct redis_connection *)context->data)->context = NULL;
}

void redis_connection_close(struct redis_connection *connection)
{
    redisAsyncContext *context = connection->context;
    connection->context = NULL;
    if (context)
        redisAsyncFree(context);
}

bool redis_connection_open(struct redis_connection *connection, const struct redis_url *url)
{
    redisAsyncContext *context = url->port ? redisAsyncConnect(url->host, url->port) : redisAsyncConnectUnix(url->host);
    if (!context || context->err) {
        if (context)
            redisAsyncFree(context);
        return false;
    }
    *connection = (struct redis_connection){.context = context};
    context->data = connection;
    context->ev.data = connection;
    context->ev.addRead = add_read;
    context->ev.delRead = drop_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = drop_write;
    context->ev.cleanup = forget;
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    if (url->password)
        redisAsyncCommand(context, NULL, NULL, "AUTH %s", url->password);
    if (url->database)
        redisAsyncCommand(context, NULL, NULL, "SELECT %d", url->database);
    return connection->context != NULL;
}
