#include "live/subscriptions.h"

#include "content/message_format.h"
#include "guard/connections.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Events ---- */

struct event *event_of_json(const dlg_message *message, const char *json, size_t length)
{
    struct event *event = malloc(sizeof *event + length);
    if (!event)
        return NULL;
    atomic_init(&event->references, 1);
    event->message = *message;
    event->message.text = NULL;
    event->length = length;
    memcpy(event->json, json, length);
    return event;
}

struct event *event_new(const dlg_message *message)
{
    struct text json = {0};
    message_add(&json, message);
    struct event *event = json.failed ? NULL : event_of_json(message, json.data, json.length);
    text_free(&json);
    return event;
}

void event_release(struct event *event)
{
    if (event && atomic_fetch_sub(&event->references, 1) == 1)
        free(event);
}

/* ---- Who listens ---- */

/* Users' ids are random, or made by somebody who has no say in where they are kept. */
static uint32_t hash_of(const dlg_uuid *user)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < sizeof user->bytes; i++)
        hash = (hash ^ user->bytes[i]) * 16777619u;
    return hash;
}

static struct hub_stripe *stripe_of(struct hub *hub, uint32_t hash)
{
    return &hub->stripes[hash % HUB_STRIPES];
}

static struct subscriber **bucket_of(struct hub_stripe *stripe, uint32_t hash)
{
    return &stripe->buckets[hash / HUB_STRIPES % HUB_BUCKETS];
}

void hub_open(struct hub *hub, int64_t beat_us, int64_t look_us)
{
    for (size_t i = 0; i < HUB_STRIPES; i++)
        pthread_mutex_init(&hub->stripes[i].lock, NULL);
    hub->beat_us = beat_us;
    hub->look_us = look_us;
    hub->gone = epoll_create1(EPOLL_CLOEXEC);
}

void hub_close(struct hub *hub)
{
    for (size_t i = 0; i < HUB_STRIPES; i++)
        pthread_mutex_destroy(&hub->stripes[i].lock);
    if (hub->gone >= 0)
        close(hub->gone);
}

void hub_lock(struct hub *hub, const struct subscriber *subscriber)
{
    pthread_mutex_lock(&stripe_of(hub, hash_of(&subscriber->user))->lock);
}

void hub_unlock(struct hub *hub, const struct subscriber *subscriber)
{
    pthread_mutex_unlock(&stripe_of(hub, hash_of(&subscriber->user))->lock);
}

/*
 * Nobody looks at the socket of a suspended connection: this does. What an epoll tells may be of a stream that is over
 * by then, so that it names the bucket, where the stream is looked for under the lock. Should it fail, a sign of life
 * that cannot be sent says the same, later.
 */
static void watch(struct hub *hub, const struct subscriber *subscriber)
{
    uint64_t name = (uint64_t)hash_of(&subscriber->user) << 32 | (uint32_t)subscriber->fd;
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = name};
    epoll_ctl(hub->gone, EPOLL_CTL_ADD, subscriber->fd, &event);
}

/* The connection may go on after the stream. */
static void unwatch(struct hub *hub, const struct subscriber *subscriber)
{
    epoll_ctl(hub->gone, EPOLL_CTL_DEL, subscriber->fd, NULL);
}

void hub_subscribe(struct hub *hub, struct subscriber *subscriber)
{
    uint32_t hash = hash_of(&subscriber->user);
    struct hub_stripe *stripe = stripe_of(hub, hash);
    int64_t now_us = monotonic_us();
    subscriber->beat_at_us = now_us + hub->beat_us;
    subscriber->look_at_us = hub->look_us ? now_us + hub->look_us : INT64_MAX;
    pthread_mutex_lock(&stripe->lock);
    struct subscriber **bucket = bucket_of(stripe, hash);
    subscriber->previous = NULL;
    subscriber->next = *bucket;
    if (*bucket)
        (*bucket)->previous = subscriber;
    *bucket = subscriber;
    watch(hub, subscriber);
    pthread_mutex_unlock(&stripe->lock);
    atomic_fetch_add(&hub->streams, 1);
}

void hub_unsubscribe(struct hub *hub, struct subscriber *subscriber)
{
    uint32_t hash = hash_of(&subscriber->user);
    struct hub_stripe *stripe = stripe_of(hub, hash);
    pthread_mutex_lock(&stripe->lock);
    unwatch(hub, subscriber);
    if (subscriber->next)
        subscriber->next->previous = subscriber->previous;
    if (subscriber->previous)
        subscriber->previous->next = subscriber->next;
    else
        *bucket_of(stripe, hash) = subscriber->next;
    subscriber_drop(subscriber);
    pthread_mutex_unlock(&stripe->lock);
    atomic_fetch_sub(&hub->streams, 1);
}

/* ---- A subscriber's queue ---- */

void subscriber_wake(struct subscriber *subscriber)
{
    if (!subscriber->waiting)
        return;
    subscriber->waiting = false;
    MHD_resume_connection(subscriber->connection);
}

void subscriber_drop(struct subscriber *subscriber)
{
    for (unsigned i = 0; i < subscriber->queued; i++)
        event_release(subscriber->queue[i]);
    free(subscriber->queue);
    subscriber->queue = NULL;
    subscriber->queued = 0;
    subscriber->queued_bytes = 0;
}

struct event *subscriber_take(struct subscriber *subscriber)
{
    if (!subscriber->queued)
        return NULL;
    struct event *event = subscriber->queue[0];
    subscriber->queued--;
    subscriber->queued_bytes -= event->length;
    memmove(subscriber->queue, subscriber->queue + 1, subscriber->queued * sizeof *subscriber->queue);
    if (!subscriber->queued)
        subscriber_drop(subscriber);
    return event;
}

/* Its client does not read, or is gone. */
static void cut(struct subscriber *subscriber)
{
    subscriber->ending = true;
    shutdown(subscriber->fd, SHUT_RDWR);
    subscriber_wake(subscriber);
}

/*
 * No room for another. While the database is asked that is no harm: it is asked again. Otherwise the client does not
 * read: it is cut off, and comes back with the cursor of what it has got.
 */
static void overflow(struct hub *hub, struct subscriber *subscriber)
{
    subscriber_drop(subscriber);
    if (subscriber->reading) {
        subscriber->lost = true;
        return;
    }
    atomic_fetch_add(&hub->slow, 1);
    cut(subscriber);
}

static void push(struct hub *hub, struct subscriber *subscriber, struct event *event)
{
    if (subscriber->ending || subscriber->lost)
        return;
    bool full = subscriber->queued == QUEUE_MOST || subscriber->queued_bytes + event->length > QUEUE_BYTES;
    bool grows = (subscriber->queued & (subscriber->queued - 1)) == 0; /* 0, 1, 2, 4, ... */
    if (!full && grows) {
        unsigned room = subscriber->queued ? 2 * subscriber->queued : 1;
        struct event **queue = realloc(subscriber->queue, room * sizeof(struct event *));
        full = !queue;
        subscriber->queue = queue ? queue : subscriber->queue;
    }
    if (full) {
        overflow(hub, subscriber);
        return;
    }
    atomic_fetch_add(&event->references, 1);
    subscriber->queue[subscriber->queued++] = event;
    subscriber->queued_bytes += event->length;
    if (!subscriber->reading)
        subscriber_wake(subscriber);
}

static void publish_to(struct hub *hub, const dlg_uuid *user, struct event *event)
{
    uint32_t hash = hash_of(user);
    struct hub_stripe *stripe = stripe_of(hub, hash);
    pthread_mutex_lock(&stripe->lock);
    for (struct subscriber *each = *bucket_of(stripe, hash); each; each = each->next)
        if (dlg_uuid_compare(&each->user, user) == 0)
            push(hub, each, event);
    pthread_mutex_unlock(&stripe->lock);
}

void hub_publish(struct hub *hub, struct event *event)
{
    const dlg_message *message = &event->message;
    atomic_fetch_add_explicit(&hub->published, 1, memory_order_relaxed);
    publish_to(hub, &message->recipient, event);
    if (dlg_uuid_compare(&message->author, &message->recipient) != 0)
        publish_to(hub, &message->author, event);
}

static bool is_heard(struct hub *hub, const dlg_uuid *user)
{
    bool heard = false;
    uint32_t hash = hash_of(user);
    struct hub_stripe *stripe = stripe_of(hub, hash);
    pthread_mutex_lock(&stripe->lock);
    for (struct subscriber *each = *bucket_of(stripe, hash); each && !heard; each = each->next)
        heard = dlg_uuid_compare(&each->user, user) == 0;
    pthread_mutex_unlock(&stripe->lock);
    return heard;
}

bool hub_wants(struct hub *hub, const dlg_uuid *author, const dlg_uuid *recipient)
{
    if (atomic_load(&hub->streams) == 0)
        return false;
    return is_heard(hub, recipient) || is_heard(hub, author);
}

/* ---- All of them ---- */

static void for_all(struct hub *hub, void (*what)(struct hub *hub, struct subscriber *each, const int64_t *now),
                    const int64_t *now)
{
    for (size_t i = 0; i < HUB_STRIPES; i++) {
        pthread_mutex_lock(&hub->stripes[i].lock);
        for (size_t k = 0; k < HUB_BUCKETS; k++)
            for (struct subscriber *each = hub->stripes[i].buckets[k]; each; each = each->next)
                what(hub, each, now);
        pthread_mutex_unlock(&hub->stripes[i].lock);
    }
}

static void tick(struct hub *hub, struct subscriber *each, const int64_t *now)
{
    if (each->expires_us <= now[1])
        each->ending = true;
    if (each->beat_at_us <= now[0]) {
        each->beat = true;
        each->beat_at_us = now[0] + hub->beat_us;
    }
    if (each->look_at_us <= now[0]) {
        each->look = true;
        each->look_at_us = hub->look_us ? now[0] + hub->look_us : INT64_MAX;
    }
    if (each->ending || (!each->reading && (each->beat || each->look)))
        subscriber_wake(each);
}

static bool has_gone(const struct subscriber *subscriber)
{
    struct pollfd poll_fd = {.fd = subscriber->fd, .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) > 0;
}

static void cut_gone(struct hub *hub, uint32_t hash, int fd)
{
    struct hub_stripe *stripe = stripe_of(hub, hash);
    pthread_mutex_lock(&stripe->lock);
    for (struct subscriber *each = *bucket_of(stripe, hash); each; each = each->next)
        if (each->fd == fd && has_gone(each))
            cut(each);
    pthread_mutex_unlock(&stripe->lock);
}

static void cut_all_gone(struct hub *hub)
{
    struct epoll_event events[64];
    int count;
    while ((count = epoll_wait(hub->gone, events, sizeof events / sizeof *events, 0)) > 0)
        for (int i = 0; i < count; i++)
            cut_gone(hub, (uint32_t)(events[i].data.u64 >> 32), (int)(uint32_t)events[i].data.u64);
}

void hub_tick(struct hub *hub, int64_t now_us, int64_t wall_us)
{
    const int64_t now[2] = {now_us, wall_us};
    cut_all_gone(hub);
    if (atomic_load(&hub->streams))
        for_all(hub, tick, now);
}

/* Not all in the same moment: the users' ids say when. */
static void look(struct hub *hub, struct subscriber *each, const int64_t *now)
{
    (void)hub;
    int64_t soon_us = now[0] + each->user.bytes[15] * 1000000 / 256;
    if (each->look_at_us > soon_us)
        each->look_at_us = soon_us;
}

void hub_look(struct hub *hub)
{
    const int64_t now[1] = {monotonic_us()};
    for_all(hub, look, now);
}

void hub_end_token(struct hub *hub, const struct token_name *token)
{
    for (size_t i = 0; atomic_load(&hub->streams) && i < HUB_STRIPES; i++) {
        pthread_mutex_lock(&hub->stripes[i].lock);
        for (size_t k = 0; k < HUB_BUCKETS; k++) {
            for (struct subscriber *each = hub->stripes[i].buckets[k]; each; each = each->next) {
                if (memcmp(&each->token, token, sizeof *token) != 0)
                    continue;
                each->ending = true;
                subscriber_wake(each);
            }
        }
        pthread_mutex_unlock(&hub->stripes[i].lock);
    }
}

static void end(struct hub *hub, struct subscriber *each, const int64_t *now)
{
    (void)hub;
    (void)now;
    each->ending = true;
    subscriber_wake(each);
}

void hub_end(struct hub *hub)
{
    for_all(hub, end, NULL);
}
