/*
 * subscriptions.h - who listens to whose messages, and the messages on their way to them.
 *
 * Every open stream has a subscriber. What this process has stored is published once it is committed, to the
 * subscribers of its author and of its recipient; each has a short queue, which its connection empties.
 */
#ifndef DIALOGSD_SUBSCRIPTIONS_H
#define DIALOGSD_SUBSCRIPTIONS_H

#include "guard/memory_budget.h"
#include "guard/revoked_tokens.h"

#include <dialogs.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct subscriptions;

/* A message that was stored. It is shared by all who hear of it. */
struct event {
    atomic_uint references;
    struct memory_holding memory; /* its author's */
    dlg_message message;          /* without its text */
    size_t length;
    char json[]; /* the message as a list shows it; not terminated */
};

/* The message as an event that belongs to the caller, or NULL when there is no memory for it. */
struct event *event_new(struct subscriptions *subscriptions, const dlg_message *message);

/* The same of its JSON. */
struct event *event_of_json(struct subscriptions *subscriptions, const dlg_message *message, const char *json,
                            size_t length);
void event_release(struct event *event);

enum { SUBSCRIPTION_STRIPES = 64, SUBSCRIPTION_BUCKETS = 256, QUEUE_LIMIT = 256, QUEUE_BYTES = 1024 * 1024 };

struct subscriber {
    struct subscriber *next, *previous; /* in its bucket */
    dlg_uuid user;
    struct token_hash token;
    int64_t expires_us; /* wall clock: the token's end */
    /* Under the lock of its stripe: */
    struct MHD_Connection *connection;
    int fd;                  /* of the connection */
    bool waiting;            /* the connection is suspended */
    bool reading;            /* the database is asked: events wait for its answer */
    bool ending;             /* the stream is over */
    bool lost;               /* events were dropped while the database was asked: ask again */
    bool heartbeat_due;      /* it is time for a sign of life */
    bool poll_due;           /* it is time to look into the database */
    int64_t heartbeat_at_us; /* monotonic */
    int64_t poll_at_us;      /* the same; INT64_MAX: never */
    struct event **queue;    /* NULL when empty */
    unsigned queued;
    size_t queued_bytes;
};

struct subscriptions {
    struct subscription_stripe {
        pthread_mutex_t lock;
        struct subscriber *buckets[SUBSCRIPTION_BUCKETS];
    } stripes[SUBSCRIPTION_STRIPES];
    struct memory_budget *memory;
    int64_t heartbeat_us; /* how long a stream may be silent */
    int64_t poll_us;      /* how often a stream looks into the database; 0: never */
    int gone;             /* epoll: connections that their clients have closed */
    atomic_uint streams;
    atomic_uint_fast64_t published;
    atomic_uint_fast64_t delivered;
    atomic_uint_fast64_t slow; /* streams that were cut off because their clients did not read */
};

void subscriptions_open(struct subscriptions *subscriptions, struct memory_budget *memory, int64_t heartbeat_us,
                        int64_t poll_us);
void subscriptions_close(struct subscriptions *subscriptions);

/* How many streams a user has. */
unsigned subscriptions_count(struct subscriptions *subscriptions, const dlg_uuid *user);

/* False: the user has `most` streams already. */
bool subscriptions_add(struct subscriptions *subscriptions, struct subscriber *subscriber, unsigned most);
void subscriptions_remove(struct subscriptions *subscriptions, struct subscriber *subscriber);

/* Over the fields above. A connection is suspended, and resumed, under this lock. */
void subscriptions_lock(struct subscriptions *subscriptions, const struct subscriber *subscriber);
void subscriptions_unlock(struct subscriptions *subscriptions, const struct subscriber *subscriber);

/* Whether anybody listens to these two. What commits after that is found by whoever begins to listen. */
bool subscriptions_want(struct subscriptions *subscriptions, const dlg_uuid *author, const dlg_uuid *recipient);

/* Gives the event to all who listen; it stays the caller's. Any thread. */
void subscriptions_publish(struct subscriptions *subscriptions, struct event *event);

/* The streams of the two look into the database soon: there is no memory to tell them of a message. */
void subscriptions_miss(struct subscriptions *subscriptions, const dlg_message *message);

/* The next event, to be released; NULL when there is none. Under the lock. */
struct event *subscriber_take(struct subscriber *subscriber);

/* Forgets the queue. Under the lock. */
void subscriber_drop(struct subscriber *subscriber);

/* Wakes the connection when it is suspended. Under the lock. */
void subscriber_wake(struct subscriber *subscriber);

/*
 * For the main thread, twice a second: signs of life, looks into the database, tokens that have expired, clients that
 * have gone.
 */
void subscriptions_tick(struct subscriptions *subscriptions, int64_t now_us, int64_t wall_us);

/* All streams look into the database, within a second or so: they may have missed something. */
void subscriptions_poll_database(struct subscriptions *subscriptions);

/* Ends the streams of a token that was revoked. */
void subscriptions_end_token(struct subscriptions *subscriptions, const struct token_hash *token);

/* Ends all streams. */
void subscriptions_end(struct subscriptions *subscriptions);

#endif
