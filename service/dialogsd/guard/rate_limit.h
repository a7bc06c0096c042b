/*
 * rate_limit.h - how often somebody may try. Counts by name, in windows of a minute, in memory of a fixed size: when
 * too many names come in a minute, the oldest are forgotten. Replicas tell each other what they count.
 */
#ifndef DIALOGSD_RATE_LIMIT_H
#define DIALOGSD_RATE_LIMIT_H

#include <pthread.h>
#include <stdint.h>

enum rate_limit_kind {
    RATE_LOGIN_USER,    /* wrong passwords for a user */
    RATE_LOGIN_ADDRESS, /* wrong passwords from an address */
    RATE_REGISTER,      /* users registered from an address */
    RATE_SEND,          /* messages of a user */
    RATE_KINDS
};

enum { RATE_NAME_SIZE = 64, RATE_SETS = 16384, RATE_WAYS = 4 };

struct rate_limit {
    pthread_mutex_t lock;
    int64_t limits[RATE_KINDS]; /* a minute; 0: none */
    uint8_t key[16];            /* of the hash, so that nobody can choose names that meet */
    struct rate_limit_entry {
        uint64_t name; /* 0: free */
        int64_t began_us;
        int64_t count;
    } entries[RATE_SETS][RATE_WAYS];
};

void rate_limit_open(struct rate_limit *rate_limit, const int64_t limits[RATE_KINDS]);
void rate_limit_close(struct rate_limit *rate_limit);

/* So many more, or less. */
void rate_limit_count(struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose, int64_t more,
                      int64_t now_us);

/* 0: there may be one more now; else the seconds until there may be. */
int rate_limit_wait_s(struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose, int64_t now_us);

#endif
