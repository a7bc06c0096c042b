#include "http/acceptor.h"

#include "ops/service_log.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * How long it pauses when it cannot accept, and how often it counts the connections anew while it is full: one that
 * libmicrohttpd has no memory for is closed without a word. BURST: the connections taken between two looks at `wake`.
 */
enum { PAUSE_MS = 100, RECOUNT_MS = 100, BURST = 64 };

enum outcome { TAKEN, NONE_WAITING, NO_ROOM, TROUBLE };

/* The failures that are one client's, or its network's: the next connection may be accepted (accept(2)). */
static enum outcome outcome_of(int reason)
{
    static const int of_client[] = {EINTR,        ECONNABORTED, EPROTO,      ENOPROTOOPT, EHOSTDOWN, ENONET,
                                    EHOSTUNREACH, EOPNOTSUPP,   ENETUNREACH, ENETDOWN,    ETIMEDOUT, EPERM};
    if (reason == EAGAIN)
        return NONE_WAITING;
    for (size_t i = 0; i < sizeof of_client / sizeof *of_client; i++)
        if (reason == of_client[i])
            return TAKEN;
    return TROUBLE;
}

/* libmicrohttpd counts connections by address. Whoever has one of IPv6 has 2^64 of them: its network counts. */
static void widen(struct sockaddr_storage *address)
{
    struct in6_addr *ip = &((struct sockaddr_in6 *)(void *)address)->sin6_addr;
    if (address->ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(ip))
        memset(&ip->s6_addr[8], 0, 8);
}

static enum outcome accept_one(struct acceptor *acceptor)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    if (atomic_load(&acceptor->open) >= acceptor->limit)
        return NO_ROOM;
    int fd = accept4(acceptor->fd, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return outcome_of(errno);
    atomic_fetch_add(&acceptor->open, 1);
    widen(&address);
    /* Refused, above all for its address, it is closed already, and nobody is told. */
    if (MHD_add_connection(acceptor->daemon, fd, (struct sockaddr *)&address, length) == MHD_YES) {
        atomic_fetch_add(&acceptor->handed, 1);
    } else {
        atomic_fetch_sub(&acceptor->open, 1);
        atomic_fetch_add(&acceptor->connections->refused, 1);
    }
    return TAKEN;
}

static enum outcome accept_some(struct acceptor *acceptor)
{
    enum outcome outcome = TAKEN;
    for (int i = 0; i < BURST && outcome == TAKEN; i++)
        outcome = accept_one(acceptor);
    return outcome;
}

/* Once, until a connection can be accepted again. Above all there are no descriptors left. */
static void tell_trouble(struct acceptor *acceptor, enum outcome outcome, int reason)
{
    if (outcome == TROUBLE && !acceptor->told)
        say("cannot accept a connection: %s; clients wait. Raise the limit of open files (ulimit -n) if it is too low",
            strerror(reason));
    acceptor->told = outcome == TROUBLE;
}

/* Returns false when the time was over. */
static bool wait_for(struct acceptor *acceptor, bool listens, int milliseconds)
{
    eventfd_t count;
    struct pollfd fds[] = {{.fd = acceptor->wake, .events = POLLIN}, {.fd = acceptor->fd, .events = POLLIN}};
    int ready = poll(fds, listens ? 2 : 1, milliseconds);
    if (ready > 0 && fds[0].revents)
        eventfd_read(acceptor->wake, &count);
    return ready != 0;
}

/* A connection may be closed before `full` is seen: the limit is looked at again after it is set. */
static void wait_for_room(struct acceptor *acceptor)
{
    atomic_store(&acceptor->full, true);
    if (atomic_load(&acceptor->open) >= acceptor->limit && !atomic_load(&acceptor->stopping)) {
        connections_make_room(acceptor->connections);
        if (!wait_for(acceptor, false, RECOUNT_MS))
            atomic_store(&acceptor->open,
                         MHD_get_daemon_info(acceptor->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections);
    }
    atomic_store(&acceptor->full, false);
}

static void *accept_until_stopped(void *payload)
{
    struct acceptor *acceptor = payload;
    while (!atomic_load(&acceptor->stopping)) {
        enum outcome outcome = accept_some(acceptor);
        tell_trouble(acceptor, outcome, errno);
        if (outcome == NO_ROOM)
            wait_for_room(acceptor);
        else
            wait_for(acceptor, outcome != TROUBLE, outcome == TROUBLE ? PAUSE_MS : -1);
    }
    return NULL;
}

bool acceptor_start(struct acceptor *acceptor, struct MHD_Daemon *daemon, int fd, unsigned limit,
                    struct connections *connections)
{
    *acceptor = (struct acceptor){.daemon = daemon, .fd = fd, .limit = limit, .connections = connections};
    acceptor->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (acceptor->wake >= 0 && pthread_create(&acceptor->thread, NULL, accept_until_stopped, acceptor) == 0)
        return true;
    say("cannot start the thread that accepts connections: %s", strerror(errno));
    if (acceptor->wake >= 0)
        close(acceptor->wake);
    return false;
}

void acceptor_began(struct acceptor *acceptor)
{
    atomic_fetch_add(&acceptor->begun, 1);
}

void acceptor_closed(struct acceptor *acceptor)
{
    atomic_fetch_sub(&acceptor->open, 1);
    if (atomic_load(&acceptor->full))
        eventfd_write(acceptor->wake, 1);
}

/* A thread of libmicrohttpd begins with what was handed to it once it wakes; without memory it does not, and is silent.
 */
static void wait_until_begun(const struct acceptor *acceptor)
{
    enum { STEP_NS = 1000000, STEPS = 500 };
    const struct timespec step = {.tv_nsec = STEP_NS};
    for (int i = 0; i < STEPS && atomic_load(&acceptor->begun) != atomic_load(&acceptor->handed); i++)
        nanosleep(&step, NULL);
}

void acceptor_stop(struct acceptor *acceptor)
{
    atomic_store(&acceptor->stopping, true);
    eventfd_write(acceptor->wake, 1);
    pthread_join(acceptor->thread, NULL);
    enum outcome outcome = TAKEN;
    for (int i = 0; i < SOMAXCONN / BURST && outcome == TAKEN; i++)
        outcome = accept_some(acceptor);
    close(acceptor->fd);
    wait_until_begun(acceptor);
}

void acceptor_close(struct acceptor *acceptor)
{
    close(acceptor->wake);
}
