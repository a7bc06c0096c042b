/*
 * acceptor.h - takes new connections from the listening socket and hands them to libmicrohttpd.
 *
 * libmicrohttpd could do this itself, but ends the process when it is told to stop accepting at an unlucky moment: two
 * of its threads remove the socket from one epoll, and the second finds nothing (1.0.1 still does). Here one thread of
 * our own accepts, and stops without libmicrohttpd's help.
 *
 * At the limit of connections it closes some that are idle, and stops accepting, so that further clients wait in the
 * kernel's backlog until one of the others leaves. When the process has no descriptor left, it
 * pauses, and tries again.
 */
#ifndef DIALOGSD_ACCEPTOR_H
#define DIALOGSD_ACCEPTOR_H

#include "guard/connections.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct acceptor {
    struct MHD_Daemon *daemon;
    int fd;   /* the listening socket */
    int wake; /* eventfd: stop, or look at the limit again */
    pthread_t thread;
    unsigned limit;     /* of connections */
    atomic_uint open;   /* connections that were handed over and are not closed */
    atomic_uint handed; /* connections ever handed over */
    struct connections *connections;
    atomic_uint begun; /* ... and those of them that libmicrohttpd has begun with */
    atomic_bool full;  /* the thread waits for one to be closed */
    atomic_bool stopping;
    bool told; /* that it cannot accept; of the thread */
};

/*
 * Starts the thread. `fd` listens, does not block, and belongs to the acceptor from now on. `daemon` has no listening
 * socket, and takes at least `limit` connections in each of its threads. False, having said why, when it cannot.
 */
bool acceptor_start(struct acceptor *acceptor, struct MHD_Daemon *daemon, int fd, unsigned limit,
                    struct connections *connections);

/* libmicrohttpd has begun with a connection; it was closed. Any thread. */
void acceptor_began(struct acceptor *acceptor);
void acceptor_closed(struct acceptor *acceptor);

/*
 * Takes the connections that wait in the backlog, closes the socket, and waits until libmicrohttpd has begun with all
 * of them. None comes after it returns.
 */
void acceptor_stop(struct acceptor *acceptor);

/* After libmicrohttpd has stopped: acceptor_closed() is not called any more. */
void acceptor_close(struct acceptor *acceptor);

#endif
