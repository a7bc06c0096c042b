#include "live/subscriptions.h"

#include "common/service_clock.h"
#include "content/message_format.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Events ---- */

struct event *event_of_json(struct subscriptions *subscriptions, const dlg_message *message, const char *json,
                            size_t length)
{
    struct memory_holding memory = {.budget = subscriptions->memory};
    memory_holding_for(&memory, SHARE_USER, &message->author, sizeof message->author);
    struct event *event = memory_take(&memory, sizeof *event + length) ? malloc(sizeof *event + length) : NULL;
    if (!event) {
        memory_give(&memory);
        return NULL;
    }
    event->memory = memory;
    atomic_init(&event->references, 1);
    event->message = *message;
    event->message.text = NULL;
    event->length = length;
    memcpy(event->json, json, length);
    return event;
}

struct event *event_new(struct subscriptions *subscriptions, const dlg_message *message)
{
    struct text_buffer json = {0};
    message_add(&json, message);
    struct event *event = json.failed ? NULL : event_of_json(subscriptions, message, json.data, json.length);
    buffer_free(&json);
    return event;
}

void event_release(struct event *event)
{
    if (!event || atomic_fetch_sub(&event->references, 1) != 1)
        return;
    memory_give(&event->memory);
    free(event);
}

/* ---- Who listens ---- */

/* Users' ids are random, or made by somebody who has no say in where they are kept. */
static uint32_t user_hash(const dlg_uuid *user)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < sizeof user->bytes; i++)
        hash = (hash ^ user->bytes[i]) * 16777619u;
    return hash;
}

static struct subscription_stripe *stripe_of(struct subscriptions *subscriptions, uint32_t hash)
{
    return &subscriptions->stripes[hash % SUBSCRIPTION_STRIPES];
}

static struct subscriber **bucket_of(struct subscription_stripe *stripe, uint32_t hash)
{
    return &stripe->buckets[hash / SUBSCRIPTION_STRIPES % SUBSCRIPTION_BUCKETS];
}

void subscriptions_open(struct subscriptions *subscriptions, struct memory_budget *memory, int64_t heartbeat_us,
                        int64_t poll_us)
{
    subscriptions->memory = memory;
    for (size_t i = 0; i < SUBSCRIPTION_STRIPES; i++)
        pthread_mutex_init(&subscriptions->stripes[i].lock, NULL);
    subscriptions->heartbeat_us = heartbeat_us;
    subscriptions->poll_us = poll_us;
    subscriptions->gone = epoll_create1(EPOLL_CLOEXEC);
}

void subscriptions_close(struct subscriptions *subscriptions)
{
    for (size_t i = 0; i < SUBSCRIPTION_STRIPES; i++)
        pthread_mutex_destroy(&subscriptions->stripes[i].lock);
    if (subscriptions->gone >= 0)
        close(subscriptions->gone);
}

void subscriptions_lock(struct subscriptions *subscriptions, const struct subscriber *subscriber)
{
    pthread_mutex_lock(&stripe_of(subscriptions, user_hash(&subscriber->user))->lock);
}

void subscriptions_unlock(struct subscriptions *subscriptions, const struct subscriber *subscriber)
{
    pthread_mutex_unlock(&stripe_of(subscriptions, user_hash(&subscriber->user))->lock);
}

/*
 * Nobody looks at the socket of a suspended connection: this does. What an epoll tells may be of a stream that is over
 * by then, so that it names the bucket, where the stream is looked for under the lock. Should it fail, a sign of life
 * that cannot be sent says the same, later.
 */
static void watch(struct subscriptions *subscriptions, const struct subscriber *subscriber)
{
    uint64_t name = (uint64_t)user_hash(&subscriber->user) << 32 | (uint32_t)subscriber->fd;
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = name};
    epoll_ctl(subscriptions->gone, EPOLL_CTL_ADD, subscriber->fd, &event);
}

/* The connection may go on after the stream. */
static void unwatch(struct subscriptions *subscriptions, const struct subscriber *subscriber)
{
    epoll_ctl(subscriptions->gone, EPOLL_CTL_DEL, subscriber->fd, NULL);
}

static unsigned count_of(struct subscriber *const *bucket, const dlg_uuid *user)
{
    unsigned count = 0;
    for (const struct subscriber *each = *bucket; each; each = each->next)
        count += dlg_uuid_compare(&each->user, user) == 0;
    return count;
}

unsigned subscriptions_count(struct subscriptions *subscriptions, const dlg_uuid *user)
{
    uint32_t hash = user_hash(user);
    struct subscription_stripe *stripe = stripe_of(subscriptions, hash);
    pthread_mutex_lock(&stripe->lock);
    unsigned count = count_of(bucket_of(stripe, hash), user);
    pthread_mutex_unlock(&stripe->lock);
    return count;
}

bool subscriptions_add(struct subscriptions *subscriptions, struct subscriber *subscriber, unsigned most)
{
    uint32_t hash = user_hash(&subscriber->user);
    struct subscription_stripe *stripe = stripe_of(subscriptions, hash);
    int64_t now_us = monotonic_us();
    subscriber->heartbeat_at_us = now_us + subscriptions->heartbeat_us;
    subscriber->poll_at_us = subscriptions->poll_us ? now_us + subscriptions->poll_us : INT64_MAX;
    pthread_mutex_lock(&stripe->lock);
    struct subscriber **bucket = bucket_of(stripe, hash);
    if (count_of(bucket, &subscriber->user) >= most) {
        pthread_mutex_unlock(&stripe->lock);
        return false;
    }
    subscriber->previous = NULL;
    subscriber->next = *bucket;
    if (*bucket)
        (*bucket)->previous = subscriber;
    *bucket = subscriber;
    watch(subscriptions, subscriber);
    pthread_mutex_unlock(&stripe->lock);
    atomic_fetch_add(&subscriptions->streams, 1);
    return true;
}

void subscriptions_remove(struct subscriptions *subscriptions, struct subscriber *subscriber)
{
    uint32_t hash = user_hash(&subscriber->user);
    struct subscription_stripe *stripe = stripe_of(subscriptions, hash);
    pthread_mutex_lock(&stripe->lock);
    unwatch(subscriptions, subscriber);
    if (subscriber->next)
        subscriber->next->previous = subscriber->previous;
    if (subscriber->previous)
        subscriber->previous->next = subscriber->next;
    else
        *bucket_of(stripe, hash) = subscriber->next;
    subscriber_drop(subscriber);
    pthread_mutex_unlock(&stripe->lock);
    atomic_fetch_sub(&subscriptions->streams, 1);
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
static void overflow(struct subscriptions *subscriptions, struct subscriber *subscriber)
{
    subscriber_drop(subscriber);
    if (subscriber->reading) {
        subscriber->lost = true;
        return;
    }
    atomic_fetch_add(&subscriptions->slow, 1);
    cut(subscriber);
}

static void push(struct subscriptions *subscriptions, struct subscriber *subscriber, struct event *event)
{
    if (subscriber->ending || subscriber->lost)
        return;
    bool full = subscriber->queued == QUEUE_LIMIT || subscriber->queued_bytes + event->length > QUEUE_BYTES;
    bool grows = (subscriber->queued & (subscriber->queued - 1)) == 0; /* 0, 1, 2, 4, ... */
    if (!full && grows) {
        unsigned room = subscriber->queued ? 2 * subscriber->queued : 1;
        struct event **queue = realloc(subscriber->queue, room * sizeof(struct event *));
        full = !queue;
        subscriber->queue = queue ? queue : subscriber->queue;
    }
    if (full) {
        overflow(subscriptions, subscriber);
        return;
    }
    atomic_fetch_add(&event->references, 1);
    subscriber->queue[subscriber->queued++] = event;
    subscriber->queued_bytes += event->length;
    if (!subscriber->reading)
        subscriber_wake(subscriber);
}

static void miss_for(struct subscriptions *subscriptions, const dlg_uuid *user)
{
    uint32_t hash = user_hash(user);
    struct subscription_stripe *stripe = stripe_of(subscriptions, hash);
    pthread_mutex_lock(&stripe->lock);
    for (struct subscriber *each = *bucket_of(stripe, hash); each; each = each->next)
        if (dlg_uuid_compare(&each->user, user) == 0)
            each->poll_at_us = 0;
    pthread_mutex_unlock(&stripe->lock);
}

void subscriptions_miss(struct subscriptions *subscriptions, const dlg_message *message)
{
    miss_for(subscriptions, &message->recipient);
    miss_for(subscriptions, &message->author);
}

static void publish_to(struct subscriptions *subscriptions, const dlg_uuid *user, struct event *event)
{
    uint32_t hash = user_hash(user);
    struct subscription_stripe *stripe = stripe_of(subscriptions, hash);
    pthread_mutex_lock(&stripe->lock);
    for (struct subscriber *each = *bucket_of(stripe, hash); each; each = each->next)
        if (dlg_uuid_compare(&each->user, user) == 0)
            push(subscriptions, each, event);
    pthread_mutex_unlock(&stripe->lock);
}

void subscriptions_publish(struct subscriptions *subscriptions, struct event *event)
{
    const dlg_message *message = &event->message;
    atomic_fetch_add_explicit(&subscriptions->published, 1, memory_order_relaxed);
    publish_to(subscriptions, &message->recipient, event);
    if (dlg_uuid_compare(&message->author, &message->recipient) != 0)
        publish_to(subscriptions, &message->author, event);
}

bool subscriptions_want(struct subscriptions *subscriptions, const dlg_uuid *author, const dlg_uuid *recipient)
{
    if (atomic_load(&subscriptions->streams) == 0)
        return false;
    return subscriptions_count(subscriptions, recipient) || subscriptions_count(subscriptions, author);
}

/* ---- All of them ---- */

static void for_all(struct subscriptions *subscriptions,
                    void (*what)(struct subscriptions *subscriptions, struct subscriber *each, const int64_t *now),
                    const int64_t *now)
{
    for (size_t i = 0; i < SUBSCRIPTION_STRIPES; i++) {
        pthread_mutex_lock(&subscriptions->stripes[i].lock);
        for (size_t k = 0; k < SUBSCRIPTION_BUCKETS; k++)
            for (struct subscriber *each = subscriptions->stripes[i].buckets[k]; each; each = each->next)
                what(subscriptions, each, now);
        pthread_mutex_unlock(&subscriptions->stripes[i].lock);
    }
}

static void tick_subscriber(struct subscriptions *subscriptions, struct subscriber *each, const int64_t *now)
{
    if (each->expires_us <= now[1])
        each->ending = true;
    if (each->heartbeat_at_us <= now[0]) {
        each->heartbeat_due = true;
        each->heartbeat_at_us = now[0] + subscriptions->heartbeat_us;
    }
    if (each->poll_at_us <= now[0]) {
        each->poll_due = true;
        each->poll_at_us = subscriptions->poll_us ? now[0] + subscriptions->poll_us : INT64_MAX;
    }
    if (each->ending || (!each->reading && (each->heartbeat_due || each->poll_due)))
        subscriber_wake(each);
}

static bool has_gone(const struct subscriber *subscriber)
{
    struct pollfd poll_fd = {.fd = subscriber->fd, .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) > 0;
}

static void cut_gone(struct subscriptions *subscriptions, uint32_t hash, int fd)
{
    struct subscription_stripe *stripe = stripe_of(subscriptions, hash);
    pthread_mutex_lock(&stripe->lock);
    for (struct subscriber *each = *bucket_of(stripe, hash); each; each = each->next)
        if (each->fd == fd && has_gone(each))
            cut(each);
    pthread_mutex_unlock(&stripe->lock);
}

static void cut_all_gone(struct subscriptions *subscriptions)
{
    struct epoll_event events[64];
    int count;
    while ((count = epoll_wait(subscriptions->gone, events, sizeof events / sizeof *events, 0)) > 0)
        for (int i = 0; i < count; i++)
            cut_gone(subscriptions, (uint32_t)(events[i].data.u64 >> 32), (int)(uint32_t)events[i].data.u64);
}

void subscriptions_tick(struct subscriptions *subscriptions, int64_t now_us, int64_t wall_us)
{
    const int64_t now[2] = {now_us, wall_us};
    cut_all_gone(subscriptions);
    if (atomic_load(&subscriptions->streams))
        for_all(subscriptions, tick_subscriber, now);
}

/* Not all in the same moment: the users' ids say when. */
static void poll_soon(struct subscriptions *subscriptions, struct subscriber *each, const int64_t *now)
{
    (void)subscriptions;
    int64_t soon_us = now[0] + each->user.bytes[15] * 1000000 / 256;
    if (each->poll_at_us > soon_us)
        each->poll_at_us = soon_us;
}

void subscriptions_poll_database(struct subscriptions *subscriptions)
{
    const int64_t now[1] = {monotonic_us()};
    for_all(subscriptions, poll_soon, now);
}

void subscriptions_end_token(struct subscriptions *subscriptions, const struct token_hash *token)
{
    for (size_t i = 0; atomic_load(&subscriptions->streams) && i < SUBSCRIPTION_STRIPES; i++) {
        pthread_mutex_lock(&subscriptions->stripes[i].lock);
        for (size_t k = 0; k < SUBSCRIPTION_BUCKETS; k++) {
            for (struct subscriber *each = subscriptions->stripes[i].buckets[k]; each; each = each->next) {
                if (memcmp(&each->token, token, sizeof *token) != 0)
                    continue;
                each->ending = true;
                subscriber_wake(each);
            }
        }
        pthread_mutex_unlock(&subscriptions->stripes[i].lock);
    }
}

static void end_subscriber(struct subscriptions *subscriptions, struct subscriber *each, const int64_t *now)
{
    (void)subscriptions;
    (void)now;
    each->ending = true;
    subscriber_wake(each);
}

void subscriptions_end(struct subscriptions *subscriptions)
{
    for_all(subscriptions, end_subscriber, NULL);
}
