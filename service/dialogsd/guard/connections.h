/* peers.h - the open connections, and how long each may take to bring its next request. */
#ifndef DIALOGSD_PEERS_H
#define DIALOGSD_PEERS_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

struct peer {
    struct peer *next;
    struct peer *previous;
    int fd;
    atomic_int_fast64_t deadline_us; /* of its next request; INT64_MAX while one is being answered */
    char address[INET6_ADDRSTRLEN];
};

struct peers {
    pthread_mutex_t lock; /* over the list, and over the life of the file descriptors in it */
    struct peer *first;
    int64_t patience_us;
    atomic_uint count;
};

/* Every request has to be there `patience_us` after the connection opened or the last answer. */
void peers_open(struct peers *peers, int64_t patience_us);
void peers_close(struct peers *peers);

/* A new connection; NULL when out of memory. It is removed before its file descriptor is closed. */
struct peer *peers_add(struct peers *peers, int fd, const struct sockaddr *address);
void peers_remove(struct peers *peers, struct peer *peer);

/* How many are open. */
unsigned peers_count(struct peers *peers);

/* Its request is complete and is being answered; it was answered. */
void peer_busy(struct peer *peer);
void peer_idle(const struct peers *peers, struct peer *peer);

/* Shuts down those that take longer: a client that sends a byte now and then is not idle. */
void peers_sweep(struct peers *peers);

/* Microseconds of the monotonic clock. */
int64_t monotonic_us(void);

/* Microseconds of UTC, since 1970. */
int64_t wall_us(void);

#endif
