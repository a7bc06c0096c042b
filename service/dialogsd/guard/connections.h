/* connections.h - the open connections, and how long each may take to bring its next request. */
#ifndef DIALOGSD_CONNECTIONS_H
#define DIALOGSD_CONNECTIONS_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct client_connection {
    struct client_connection *next;
    struct client_connection *previous;
    int fd;
    bool admin;                      /* of the listener for operators */
    atomic_int_fast64_t deadline_us; /* of its next request; INT64_MAX while one is being answered */
    char address[INET6_ADDRSTRLEN];
};

struct connections {
    pthread_mutex_t lock; /* over the list, and over the life of the file descriptors in it */
    struct client_connection *first;
    int64_t patience_us;
    atomic_uint count;
    atomic_uint_fast64_t refused; /* closed at once, above all because their address had too many */
};

/* Every request has to be there `patience_us` after the connection opened or the last answer. */
void connections_open(struct connections *connections, int64_t patience_us);
void connections_close(struct connections *connections);

/* A new connection; NULL when out of memory. It is removed before its file descriptor is closed. */
struct client_connection *connections_add(struct connections *connections, int fd, const struct sockaddr *address);
void connections_remove(struct connections *connections, struct client_connection *client);

/* How many are open. */
unsigned connections_count(struct connections *connections);

/* Its request is complete and is being answered; it was answered. */
void client_busy(struct client_connection *client);
void client_idle(const struct connections *connections, struct client_connection *client);

/*
 * All connections are taken: shuts down some on which nothing was asked, or answered, for a second, as RFC 9112 (9.5)
 * lets every server do.
 */
void connections_make_room(struct connections *connections);

/*
 * For the main thread, twice a second. Shuts down those that take longer: a client that sends a byte now and then is
 * not idle. Sees to it that those whose clients are gone end.
 */
void connections_sweep(struct connections *connections);

#endif
