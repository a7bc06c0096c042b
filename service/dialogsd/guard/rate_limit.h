/*
 * rate_limit.h - how often somebody may try. Counts by name, in windows, in memory of a fixed size: a table of 1.5 MiB
 * for each kind, so that those who try one thing often are not forgotten for those who try another. When too many names
 * come in a window, those with least to their count are forgotten, the oldest first. Replicas tell each other what they
 * count.
 */
#ifndef DIALOGSD_RATE_LIMIT_H
#define DIALOGSD_RATE_LIMIT_H

#include <pthread.h>
#include <stdint.h>

enum rate_limit_kind {
    RATE_LOGIN_PLACE,      /* wrong passwords for a user from an address, in a minute */
    RATE_LOGIN_PLACE_HOUR, /* ... in an hour */
    RATE_LOGIN_USER,       /* wrong passwords for a user from wherever the user was not yet, in an hour */
    RATE_LOGIN_ADDRESS,    /* wrong passwords from an address, in a minute */
    RATE_LOGIN_KNOWN,      /* right passwords of a user from an address, in thirty days: no limit, but a memory */
    RATE_REGISTER,         /* users registered from an address, in a minute */
    RATE_SEND,             /* messages of a user, in a minute */
    RATE_KINDS
};

enum { RATE_NAME_SIZE = 96, RATE_SETS = 8192, RATE_WAYS = 8 };

struct rate_limit {
    pthread_mutex_t lock;
    int64_t limits[RATE_KINDS]; /* in a window; 0: none */
    uint8_t key[16];            /* of the hash, so that nobody can choose names that meet */
    struct rate_limit_entry {
        uint64_t name; /* 0: free */
        int64_t began_us;
        int64_t count;
    } tables[RATE_KINDS][RATE_SETS][RATE_WAYS];
};

void rate_limit_open(struct rate_limit *rate_limit, const int64_t limits[RATE_KINDS]);
void rate_limit_close(struct rate_limit *rate_limit);

/* So many more, or less. A name whose count comes to nothing takes no place. */
void rate_limit_count(struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose, int64_t more,
                      int64_t now_us);

/* 0: there may be one more now; else the seconds until there may be. */
int rate_limit_wait_s(struct rate_limit *rate_limit, enum rate_limit_kind kind, const char *whose, int64_t now_us);

#endif
