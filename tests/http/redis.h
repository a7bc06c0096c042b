/* redis.h - a Redis server of our own, on a free port of 127.0.0.1. */
#ifndef TEST_REDIS_H
#define TEST_REDIS_H

#include <sys/types.h>

struct redis {
    pid_t pid;
    int port;
    char url[64];
};

/* Waits until it answers; fails the test when it does not. */
void redis_start(struct redis *redis);

/* The same again, on its port, empty. */
void redis_restart(struct redis *redis);
void redis_stop(struct redis *redis);

#endif
