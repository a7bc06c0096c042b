/*
 * replicas.h - what the replicas of the service tell each other: messages, tokens that were revoked, logins that
 * failed. Each event is a msgpack array that begins with its version and its kind; what a replica does not understand,
 * it leaves aside. Alone, without --redis, a replica tells nobody.
 */
#ifndef DIALOGSD_REPLICAS_H
#define DIALOGSD_REPLICAS_H

#include "guard/rate_limit.h"
#include "guard/revoked_tokens.h"
#include "live/subscriptions.h"

struct redis_bus;

struct replicas {
    struct redis_bus *bus; /* NULL: there are no others */
    /* What they hear is put into: */
    struct subscriptions *subscriptions;
    struct revoked_tokens *revoked_tokens;
    struct rate_limit *rate_limit;
};

/* Connects to the Redis at `url`, unless that is NULL or empty. False, having said why, when that cannot come to good.
 */
bool replicas_open(struct replicas *replicas, const char *url);
void replicas_close(struct replicas *replicas);

/* A message was stored: those who listen hear of it, here and elsewhere. Any thread. */
void replicas_publish(struct replicas *replicas, const dlg_message *message);

/* A token is no good any more, here and elsewhere. False when it was not before, or out of memory. */
bool replicas_revoke(struct replicas *replicas, const struct token_hash *token, int64_t until_us);

/* Something was counted here that the others should count too. */
void replicas_tell_count(struct replicas *replicas, enum rate_limit_kind kind, const char *whose);

/* 1 and 0: the channel works, or not; -1: there is none. */
int replicas_up(const struct replicas *replicas);

#endif
