/*
 * throttle.h - how often somebody may try. Counts by name, in windows of a minute, in memory of a fixed size: when too
 * many names come in a minute, the oldest are forgotten. Replicas tell each other what they count.
 */
#ifndef DIALOGSD_THROTTLE_H
#define DIALOGSD_THROTTLE_H

#include <pthread.h>
#include <stdint.h>

enum throttle_kind {
    THROTTLE_LOGIN_USER,    /* wrong passwords for a user */
    THROTTLE_LOGIN_ADDRESS, /* wrong passwords from an address */
    THROTTLE_REGISTER,      /* users registered from an address */
    THROTTLE_SEND,          /* messages of a user */
    THROTTLE_KINDS
};

enum { THROTTLE_NAME_SIZE = 64, THROTTLE_SETS = 16384, THROTTLE_WAYS = 4 };

struct throttle {
    pthread_mutex_t lock;
    int64_t limits[THROTTLE_KINDS]; /* a minute; 0: none */
    uint8_t key[16];                /* of the hash, so that nobody can choose names that meet */
    struct throttle_entry {
        uint64_t name; /* 0: free */
        int64_t began_us;
        int64_t count;
    } entries[THROTTLE_SETS][THROTTLE_WAYS];
};

void throttle_open(struct throttle *throttle, const int64_t limits[THROTTLE_KINDS]);
void throttle_close(struct throttle *throttle);

/* So many more, or less. */
void throttle_count(struct throttle *throttle, enum throttle_kind kind, const char *whose, int64_t more,
                    int64_t now_us);

/* 0: there may be one more now; else the seconds until there may be. */
int throttle_wait_s(struct throttle *throttle, enum throttle_kind kind, const char *whose, int64_t now_us);

#endif
