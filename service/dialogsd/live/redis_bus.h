/*
 * redis_bus.h - a channel that all replicas of the service share, over Redis (hiredis).
 *
 * One thread owns two connections: one listens, one speaks. What is said while there is no connection is lost, and
 * said to be lost once there is one again: the database has it all. The thread hears its own beats; when it does not
 * for a while, it connects anew.
 */
#ifndef DIALOGSD_REDIS_BUS_H
#define DIALOGSD_REDIS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_bus;

/* All are called on the thread of the bus. */
struct redis_bus_handler {
    void (*heard)(void *payload, const char *data, size_t length); /* what another replica said */
    void (*missed)(void *payload); /* something may have been said that was not heard: on every new connection */
    void (*revoked)(void *payload, const char *member, size_t length, int64_t until_s); /* of those that are kept */
    void (*lost)(void *payload); /* something was not said, and now it can be said so */
    void *payload;
};

/*
 * `url`: redis://[:PASSWORD@]HOST[:PORT][/DATABASE] or unix:///PATH. Connects in the background, and again whenever the
 * connection is lost. NULL, having said why, when that is no URL, or there is no memory or thread.
 */
struct redis_bus *redis_bus_open(const char *url, const struct redis_bus_handler *handler);
void redis_bus_close(struct redis_bus *bus); /* NULL is fine */

/* Tells all other replicas. Any thread; never blocks. */
void redis_bus_publish(struct redis_bus *bus, const char *data, size_t length);

/* Keeps a member for all replicas, also those that start later, until that second of UTC. Any thread. */
void redis_bus_keep(struct redis_bus *bus, const char *member, size_t length, int64_t until_s);

/* Whether the channel works, both ways. */
bool redis_bus_up(const struct redis_bus *bus);

#endif
