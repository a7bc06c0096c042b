#include "live/redis_bus.h"

#include "common/service_clock.h"
#include "content/text_buffer.h"
#include "live/redis_connection.h"
#include "ops/service_log.h"

#include <errno.h>
#include <hiredis/async.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#define CHANNEL "dialogs:events"
#define REVOKED "dialogs:revoked"

enum {
    SECOND_US = 1000000,
    HEARTBEAT_US = 1 * SECOND_US, /* how often the thread says something to itself */
    PATIENCE_US = 4 * SECOND_US,  /* how long it waits to hear it, and to be connected */
    FIRST_PAUSE_US = SECOND_US / 10,
    LONGEST_PAUSE_US = 2 * SECOND_US,
    QUEUE_MOST_BYTES = 16 * 1024 * 1024,
    ORIGIN_SIZE = 16
};

/* It begins with its origin: a replica ignores its own. A heartbeat is nothing but an origin. */
struct bus_event {
    STAILQ_ENTRY(bus_event) link;
    int64_t until_s; /* not 0: it is to be kept */
    size_t length;
    char data[];
};

struct redis_bus {
    struct redis_bus_handler handler;
    struct redis_url url;
    char origin[ORIGIN_SIZE];
    pthread_t thread;
    int wake; /* eventfd */
    atomic_bool ending;
    atomic_bool up;
    pthread_mutex_t lock; /* over the next three */
    STAILQ_HEAD(, bus_event) queue;
    size_t queued_bytes;
    bool lost; /* something was not said */
    /* Of the thread: */
    struct redis_connection listener, speaker;
    bool listening; /* the channel was joined */
    bool said_down;
    int64_t heard_us, heartbeat_us, retry_us, pause_us;
};

/* ---- Listening ---- */

static void on_heard(struct redis_bus *bus, const char *data, size_t length)
{
    if (length < ORIGIN_SIZE)
        return;
    if (memcmp(data, bus->origin, ORIGIN_SIZE) == 0) {
        bus->heard_us = monotonic_us();
        return;
    }
    if (length > ORIGIN_SIZE)
        bus->handler.heard(bus->handler.payload, data + ORIGIN_SIZE, length - ORIGIN_SIZE);
}

static void on_channel(redisAsyncContext *context, void *answer, void *payload)
{
    (void)context;
    struct redis_bus *bus = payload;
    const redisReply *reply = answer;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !reply->element[0]->str)
        return;
    if (strcmp(reply->element[0]->str, "subscribe") == 0) {
        bus->listening = true;
        bus->handler.missed(bus->handler.payload);
    } else if (reply->element[2]->type == REDIS_REPLY_STRING) {
        on_heard(bus, reply->element[2]->str, (size_t)reply->element[2]->len);
    }
}

static void on_kept(redisAsyncContext *context, void *answer, void *payload)
{
    (void)context;
    struct redis_bus *bus = payload;
    const redisReply *reply = answer;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (reply->element[i]->str && reply->element[i + 1]->str)
            bus->handler.revoked(bus->handler.payload, reply->element[i]->str, (size_t)reply->element[i]->len,
                                 strtoll(reply->element[i + 1]->str, NULL, 10));
}

/* ---- Speaking ---- */

static void note_loss(struct redis_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bus->lost = true;
    pthread_mutex_unlock(&bus->lock);
}

static void on_said(redisAsyncContext *context, void *answer, void *payload)
{
    (void)context;
    const redisReply *reply = answer;
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        note_loss(payload);
}

/* What is kept does not grow beyond what has not expired. */
static void forget_expired(struct redis_bus *bus)
{
    redisAsyncCommand(bus->speaker.context, NULL, NULL, "ZREMRANGEBYSCORE " REVOKED " -inf %lld",
                      (long long)(wall_us() / SECOND_US));
}

static void speak(struct redis_bus *bus, const struct bus_event *event)
{
    redisAsyncContext *context = bus->speaker.context;
    int code = REDIS_ERR;
    if (context && event->until_s)
        code = redisAsyncCommand(context, on_said, bus, "ZADD " REVOKED " %lld %b", (long long)event->until_s,
                                 event->data, event->length);
    else if (context)
        code = redisAsyncCommand(context, on_said, bus, "PUBLISH " CHANNEL " %b", event->data, event->length);
    if (code != REDIS_OK)
        note_loss(bus);
    else if (event->until_s)
        forget_expired(bus);
}

static void enqueue(struct redis_bus *bus, const char *data, size_t length, int64_t until_s)
{
    size_t origin = until_s ? 0 : ORIGIN_SIZE;
    struct bus_event *event = malloc(sizeof *event + origin + length);
    if (event) {
        event->length = origin + length;
        event->until_s = until_s;
        memcpy(event->data, bus->origin, origin);
        memcpy(event->data + origin, data, length);
    }
    pthread_mutex_lock(&bus->lock);
    bool wake = STAILQ_EMPTY(&bus->queue);
    bool room = event && bus->queued_bytes + event->length <= QUEUE_MOST_BYTES;
    if (room) {
        STAILQ_INSERT_TAIL(&bus->queue, event, link);
        bus->queued_bytes += event->length;
    } else {
        bus->lost = true;
    }
    pthread_mutex_unlock(&bus->lock);
    if (!room)
        free(event);
    else if (wake)
        eventfd_write(bus->wake, 1);
}

void redis_bus_publish(struct redis_bus *bus, const char *data, size_t length)
{
    enqueue(bus, data, length, 0);
}

void redis_bus_keep(struct redis_bus *bus, const char *member, size_t length, int64_t until_s)
{
    enqueue(bus, member, length, until_s);
}

static struct bus_event *dequeue(struct redis_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    struct bus_event *event = STAILQ_FIRST(&bus->queue);
    if (event) {
        STAILQ_REMOVE_HEAD(&bus->queue, link);
        bus->queued_bytes -= event->length;
    }
    pthread_mutex_unlock(&bus->lock);
    return event;
}

/* What is to be kept waits for a connection; what is to be heard now does not. */
static void speak_all(struct redis_bus *bus)
{
    STAILQ_HEAD(, bus_event) kept = STAILQ_HEAD_INITIALIZER(kept);
    struct bus_event *event;
    while ((event = dequeue(bus))) {
        if (!bus->speaker.context && event->until_s) {
            STAILQ_INSERT_TAIL(&kept, event, link);
            continue;
        }
        speak(bus, event);
        free(event);
    }
    pthread_mutex_lock(&bus->lock);
    while ((event = STAILQ_FIRST(&kept))) {
        STAILQ_REMOVE_HEAD(&kept, link);
        STAILQ_INSERT_HEAD(&bus->queue, event, link);
        bus->queued_bytes += event->length;
    }
    pthread_mutex_unlock(&bus->lock);
}

/* ---- The thread ---- */

static void connect_both(struct redis_bus *bus, int64_t now_us)
{
    bus->listening = false;
    bus->heard_us = now_us;
    bus->retry_us = now_us + bus->pause_us;
    bus->pause_us = bus->pause_us * 2 < LONGEST_PAUSE_US ? bus->pause_us * 2 : LONGEST_PAUSE_US;
    if (!redis_connection_open(&bus->listener, &bus->url) || !redis_connection_open(&bus->speaker, &bus->url))
        return;
    redisAsyncCommand(bus->listener.context, on_channel, bus, "SUBSCRIBE " CHANNEL);
    forget_expired(bus);
    redisAsyncCommand(bus->speaker.context, on_kept, bus, "ZRANGEBYSCORE " REVOKED " %lld +inf WITHSCORES",
                      (long long)(wall_us() / SECOND_US));
}

static void tell_state(struct redis_bus *bus, bool up)
{
    if (up && bus->said_down)
        say("Redis is back");
    else if (!up && !bus->said_down)
        say("Redis cannot be reached: streams find what other replicas store in the database only");
    bus->said_down = !up;
}

/* Says that something was lost, once it can be heard. */
static void report_loss(struct redis_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bool lost = bus->lost;
    bus->lost = false;
    pthread_mutex_unlock(&bus->lock);
    if (lost)
        bus->handler.lost(bus->handler.payload);
}

static void maintain(struct redis_bus *bus, int64_t now_us)
{
    bool connected = bus->listener.context && bus->speaker.context;
    bool silent = now_us - bus->heard_us > PATIENCE_US;
    if (connected && silent) {
        redis_connection_close(&bus->listener);
        redis_connection_close(&bus->speaker);
        connected = false;
    }
    bool up = connected && bus->listening;
    if (up)
        bus->pause_us = FIRST_PAUSE_US;
    if (up != atomic_load(&bus->up)) {
        atomic_store(&bus->up, up);
        if (up)
            report_loss(bus);
        else
            note_loss(bus);
    }
    if (up || (!connected && bus->retry_us)) /* not before the first attempt */
        tell_state(bus, up);
    if (!connected && now_us >= bus->retry_us) {
        redis_connection_close(&bus->listener);
        redis_connection_close(&bus->speaker);
        connect_both(bus, now_us);
    }
    if (connected && now_us >= bus->heartbeat_us) {
        redis_bus_publish(bus, "", 0);
        bus->heartbeat_us = now_us + HEARTBEAT_US;
    }
}

static void wait_for_bus(struct redis_bus *bus)
{
    enum { TICK_MS = 100 };
    struct redis_connection *lines[] = {&bus->listener, &bus->speaker};
    struct pollfd fds[3] = {{.fd = bus->wake, .events = POLLIN}};
    for (int i = 0; i < 2; i++) {
        struct redis_connection *line = lines[i];
        fds[i + 1].fd = line->context ? line->context->c.fd : -1;
        fds[i + 1].events = (short)((line->reads ? POLLIN : 0) | (line->writes ? POLLOUT : 0));
    }
    if (poll(fds, 3, TICK_MS) <= 0)
        return;
    eventfd_t count;
    if (fds[0].revents)
        eventfd_read(bus->wake, &count);
    for (int i = 0; i < 2; i++) {
        if ((fds[i + 1].revents & (POLLIN | POLLHUP | POLLERR)) && lines[i]->context)
            redisAsyncHandleRead(lines[i]->context);
        if ((fds[i + 1].revents & POLLOUT) && lines[i]->context)
            redisAsyncHandleWrite(lines[i]->context);
    }
}

static void *bus_main(void *payload)
{
    struct redis_bus *bus = payload;
    while (!atomic_load(&bus->ending)) {
        maintain(bus, monotonic_us());
        speak_all(bus);
        wait_for_bus(bus);
    }
    redis_connection_close(&bus->listener);
    redis_connection_close(&bus->speaker);
    return NULL;
}

static void redis_bus_free(struct redis_bus *bus)
{
    if (bus)
        redis_url_free(&bus->url);
    free(bus);
}

struct redis_bus *redis_bus_open(const char *url, const struct redis_bus_handler *handler)
{
    struct redis_bus *bus = calloc(1, sizeof *bus);
    dlg_uuid random;
    if (!bus || !redis_url_parse(&bus->url, url)) {
        redis_bus_free(bus);
        return NULL;
    }
    dlg_uuid_random(&random);
    memcpy(bus->origin, random.bytes, ORIGIN_SIZE);
    bus->handler = *handler;
    bus->pause_us = FIRST_PAUSE_US;
    pthread_mutex_init(&bus->lock, NULL);
    STAILQ_INIT(&bus->queue);
    bus->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bus->wake >= 0 && pthread_create(&bus->thread, NULL, bus_main, bus) == 0)
        return bus;
    say("cannot start a thread: %s", strerror(errno));
    redis_bus_free(bus);
    return NULL;
}

void redis_bus_close(struct redis_bus *bus)
{
    struct bus_event *event;
    if (!bus)
        return;
    atomic_store(&bus->ending, true);
    eventfd_write(bus->wake, 1);
    pthread_join(bus->thread, NULL);
    while ((event = dequeue(bus)))
        free(event);
    close(bus->wake);
    pthread_mutex_destroy(&bus->lock);
    redis_bus_free(bus);
}

bool redis_bus_up(const struct redis_bus *bus)
{
    return atomic_load(&bus->up);
}
