#include "live/redis_bus.h"

#include "content/text_buffer.h"
#include "guard/connections.h"
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
    BEAT_US = 1 * SECOND_US,     /* how often the thread says something to itself */
    PATIENCE_US = 4 * SECOND_US, /* how long it waits to hear it, and to be connected */
    FIRST_PAUSE_US = SECOND_US / 10,
    LONGEST_PAUSE_US = 2 * SECOND_US,
    QUEUE_MOST_BYTES = 16 * 1024 * 1024,
    ORIGIN_SIZE = 16
};

/* What a saying begins with: who says it, so that nobody hears himself. A beat is nothing but that. */
struct saying {
    STAILQ_ENTRY(saying) link;
    int64_t until_s; /* not 0: it is to be kept */
    size_t length;
    char data[];
};

struct relay {
    struct relay_handler handler;
    struct target target;
    char origin[ORIGIN_SIZE];
    pthread_t thread;
    int wake; /* eventfd */
    atomic_bool ending;
    atomic_bool up;
    pthread_mutex_t lock; /* over the next three */
    STAILQ_HEAD(, saying) queue;
    size_t queued_bytes;
    bool lost; /* something was not said */
    /* Of the thread: */
    struct line listener, speaker;
    bool listening; /* the channel was joined */
    bool said_down;
    int64_t heard_us, beat_us, retry_us, pause_us;
};

bool relay_check(const char *url)
{
    struct target target;
    bool good = target_read(&target, url);
    target_free(&target);
    return good;
}

/* ---- Listening ---- */

static void on_heard(struct relay *relay, const char *data, size_t length)
{
    if (length < ORIGIN_SIZE)
        return;
    if (memcmp(data, relay->origin, ORIGIN_SIZE) == 0) {
        relay->heard_us = monotonic_us();
        return;
    }
    if (length > ORIGIN_SIZE)
        relay->handler.heard(relay->handler.payload, data + ORIGIN_SIZE, length - ORIGIN_SIZE);
}

static void on_channel(redisAsyncContext *context, void *answer, void *payload)
{
    (void)context;
    struct relay *relay = payload;
    const redisReply *reply = answer;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !reply->element[0]->str)
        return;
    if (strcmp(reply->element[0]->str, "subscribe") == 0) {
        relay->listening = true;
        relay->handler.missed(relay->handler.payload);
    } else if (reply->element[2]->type == REDIS_REPLY_STRING) {
        on_heard(relay, reply->element[2]->str, (size_t)reply->element[2]->len);
    }
}

static void on_kept(redisAsyncContext *context, void *answer, void *payload)
{
    (void)context;
    struct relay *relay = payload;
    const redisReply *reply = answer;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (reply->element[i]->str && reply->element[i + 1]->str)
            relay->handler.revoked(relay->handler.payload, reply->element[i]->str, (size_t)reply->element[i]->len,
                                   strtoll(reply->element[i + 1]->str, NULL, 10));
}

/* ---- Speaking ---- */

static void lose(struct relay *relay)
{
    pthread_mutex_lock(&relay->lock);
    relay->lost = true;
    pthread_mutex_unlock(&relay->lock);
}

static void on_said(redisAsyncContext *context, void *answer, void *payload)
{
    (void)context;
    const redisReply *reply = answer;
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        lose(payload);
}

static void speak(struct relay *relay, const struct saying *saying)
{
    redisAsyncContext *context = relay->speaker.context;
    int code = REDIS_ERR;
    if (context && saying->until_s)
        code = redisAsyncCommand(context, on_said, relay, "ZADD " REVOKED " %lld %b", (long long)saying->until_s,
                                 saying->data, saying->length);
    else if (context)
        code = redisAsyncCommand(context, on_said, relay, "PUBLISH " CHANNEL " %b", saying->data, saying->length);
    if (code != REDIS_OK)
        lose(relay);
}

static void enqueue(struct relay *relay, const char *data, size_t length, int64_t until_s)
{
    size_t origin = until_s ? 0 : ORIGIN_SIZE;
    struct saying *saying = malloc(sizeof *saying + origin + length);
    if (saying) {
        saying->length = origin + length;
        saying->until_s = until_s;
        memcpy(saying->data, relay->origin, origin);
        memcpy(saying->data + origin, data, length);
    }
    pthread_mutex_lock(&relay->lock);
    bool wake = STAILQ_EMPTY(&relay->queue);
    bool room = saying && relay->queued_bytes + saying->length <= QUEUE_MOST_BYTES;
    if (room) {
        STAILQ_INSERT_TAIL(&relay->queue, saying, link);
        relay->queued_bytes += saying->length;
    } else {
        relay->lost = true;
    }
    pthread_mutex_unlock(&relay->lock);
    if (!room)
        free(saying);
    else if (wake)
        eventfd_write(relay->wake, 1);
}

void relay_say(struct relay *relay, const char *data, size_t length)
{
    enqueue(relay, data, length, 0);
}

void relay_keep(struct relay *relay, const char *member, size_t length, int64_t until_s)
{
    enqueue(relay, member, length, until_s);
}

static struct saying *next_saying(struct relay *relay)
{
    pthread_mutex_lock(&relay->lock);
    struct saying *saying = STAILQ_FIRST(&relay->queue);
    if (saying) {
        STAILQ_REMOVE_HEAD(&relay->queue, link);
        relay->queued_bytes -= saying->length;
    }
    pthread_mutex_unlock(&relay->lock);
    return saying;
}

/* What is to be kept waits for a connection; what is to be heard now does not. */
static void speak_all(struct relay *relay)
{
    STAILQ_HEAD(, saying) kept = STAILQ_HEAD_INITIALIZER(kept);
    struct saying *saying;
    while ((saying = next_saying(relay))) {
        if (!relay->speaker.context && saying->until_s) {
            STAILQ_INSERT_TAIL(&kept, saying, link);
            continue;
        }
        speak(relay, saying);
        free(saying);
    }
    pthread_mutex_lock(&relay->lock);
    while ((saying = STAILQ_FIRST(&kept))) {
        STAILQ_REMOVE_HEAD(&kept, link);
        STAILQ_INSERT_HEAD(&relay->queue, saying, link);
        relay->queued_bytes += saying->length;
    }
    pthread_mutex_unlock(&relay->lock);
}

/* ---- The thread ---- */

static void connect_lines(struct relay *relay, int64_t now_us)
{
    relay->listening = false;
    relay->heard_us = now_us;
    relay->retry_us = now_us + relay->pause_us;
    relay->pause_us = relay->pause_us * 2 < LONGEST_PAUSE_US ? relay->pause_us * 2 : LONGEST_PAUSE_US;
    if (!line_open(&relay->listener, &relay->target) || !line_open(&relay->speaker, &relay->target))
        return;
    redisAsyncCommand(relay->listener.context, on_channel, relay, "SUBSCRIBE " CHANNEL);
    redisAsyncCommand(relay->speaker.context, NULL, NULL, "ZREMRANGEBYSCORE " REVOKED " -inf %lld",
                      (long long)(wall_us() / SECOND_US));
    redisAsyncCommand(relay->speaker.context, on_kept, relay, "ZRANGEBYSCORE " REVOKED " %lld +inf WITHSCORES",
                      (long long)(wall_us() / SECOND_US));
}

static void tell_state(struct relay *relay, bool up)
{
    if (up && relay->said_down)
        say("Redis is back");
    else if (!up && !relay->said_down)
        say("Redis cannot be reached: streams find what other replicas store in the database only");
    relay->said_down = !up;
}

/* Says that something was lost, once it can be heard. */
static void confess(struct relay *relay)
{
    pthread_mutex_lock(&relay->lock);
    bool lost = relay->lost;
    relay->lost = false;
    pthread_mutex_unlock(&relay->lock);
    if (lost)
        relay->handler.lost(relay->handler.payload);
}

static void look_after(struct relay *relay, int64_t now_us)
{
    bool connected = relay->listener.context && relay->speaker.context;
    bool silent = now_us - relay->heard_us > PATIENCE_US;
    if (connected && silent) {
        line_close(&relay->listener);
        line_close(&relay->speaker);
        connected = false;
    }
    bool up = connected && relay->listening;
    if (up)
        relay->pause_us = FIRST_PAUSE_US;
    if (up != atomic_load(&relay->up)) {
        atomic_store(&relay->up, up);
        if (up)
            confess(relay);
        else
            lose(relay);
    }
    if (up || (!connected && relay->retry_us)) /* not before the first attempt */
        tell_state(relay, up);
    if (!connected && now_us >= relay->retry_us) {
        line_close(&relay->listener);
        line_close(&relay->speaker);
        connect_lines(relay, now_us);
    }
    if (connected && now_us >= relay->beat_us) {
        relay_say(relay, "", 0);
        relay->beat_us = now_us + BEAT_US;
    }
}

static void wait(struct relay *relay)
{
    enum { TICK_MS = 100 };
    struct line *lines[] = {&relay->listener, &relay->speaker};
    struct pollfd fds[3] = {{.fd = relay->wake, .events = POLLIN}};
    for (int i = 0; i < 2; i++) {
        struct line *line = lines[i];
        fds[i + 1].fd = line->context ? line->context->c.fd : -1;
        fds[i + 1].events = (short)((line->reads ? POLLIN : 0) | (line->writes ? POLLOUT : 0));
    }
    if (poll(fds, 3, TICK_MS) <= 0)
        return;
    eventfd_t count;
    if (fds[0].revents)
        eventfd_read(relay->wake, &count);
    for (int i = 0; i < 2; i++) {
        if ((fds[i + 1].revents & (POLLIN | POLLHUP | POLLERR)) && lines[i]->context)
            redisAsyncHandleRead(lines[i]->context);
        if ((fds[i + 1].revents & POLLOUT) && lines[i]->context)
            redisAsyncHandleWrite(lines[i]->context);
    }
}

static void *run(void *payload)
{
    struct relay *relay = payload;
    while (!atomic_load(&relay->ending)) {
        look_after(relay, monotonic_us());
        speak_all(relay);
        wait(relay);
    }
    line_close(&relay->listener);
    line_close(&relay->speaker);
    return NULL;
}

static void relay_free(struct relay *relay)
{
    if (relay)
        target_free(&relay->target);
    free(relay);
}

struct relay *relay_open(const char *url, const struct relay_handler *handler)
{
    struct relay *relay = calloc(1, sizeof *relay);
    dlg_uuid random;
    if (!relay || !target_read(&relay->target, url)) {
        relay_free(relay);
        return NULL;
    }
    dlg_uuid_random(&random);
    memcpy(relay->origin, random.bytes, ORIGIN_SIZE);
    relay->handler = *handler;
    relay->pause_us = FIRST_PAUSE_US;
    pthread_mutex_init(&relay->lock, NULL);
    STAILQ_INIT(&relay->queue);
    relay->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (relay->wake >= 0 && pthread_create(&relay->thread, NULL, run, relay) == 0)
        return relay;
    say("cannot start a thread: %s", strerror(errno));
    relay_free(relay);
    return NULL;
}

void relay_close(struct relay *relay)
{
    struct saying *saying;
    if (!relay)
        return;
    atomic_store(&relay->ending, true);
    eventfd_write(relay->wake, 1);
    pthread_join(relay->thread, NULL);
    while ((saying = next_saying(relay)))
        free(saying);
    close(relay->wake);
    pthread_mutex_destroy(&relay->lock);
    relay_free(relay);
}

bool relay_up(const struct relay *relay)
{
    return atomic_load(&relay->up);
}
