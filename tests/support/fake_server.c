#include "fake_server.h"

#include "check.h"
#include "fake_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LINKS_MOST = 256 };

int64_t fake_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- Commands to all connections ---- */

static void wake(struct fake *fake)
{
    eventfd_write(fake->wake, 1);
}

void fake_tear(struct fake *fake, size_t bytes)
{
    pthread_mutex_lock(&fake->lock);
    fake->piece = bytes;
    pthread_mutex_unlock(&fake->lock);
    wake(fake);
}

void fake_demote(struct fake *fake, bool standby)
{
    pthread_mutex_lock(&fake->lock);
    fake->standby = standby;
    pthread_mutex_unlock(&fake->lock);
}

void fake_say(struct fake *fake, const void *bytes, size_t length)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_link *link;
    TAILQ_FOREACH (link, &fake->links, link)
        wire_bytes(&link->out, bytes, length);
    pthread_mutex_unlock(&fake->lock);
    wake(fake);
}

void fake_disconnect(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_link *link;
    TAILQ_FOREACH (link, &fake->links, link)
        link->closing = true;
    pthread_mutex_unlock(&fake->lock);
    wake(fake);
}

int fake_connections(struct fake *fake)
{
    int count = 0;
    pthread_mutex_lock(&fake->lock);
    struct fake_link *link;
    TAILQ_FOREACH (link, &fake->links, link)
        count++;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

void fake_release(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_link *link;
    TAILQ_FOREACH (link, &fake->links, link)
        if (link->waits)
            link->resume_us = 0;
    pthread_mutex_unlock(&fake->lock);
    wake(fake);
}

/* ---- The thread ---- */

static void link_end(struct fake *fake, struct fake_link *link)
{
    TAILQ_REMOVE(&fake->links, link, link);
    fake_rollback(fake->world, link->owner);
    fake_link_free(link);
}

/* In pieces: the next one when the client has taken the last. */
static bool piece_is_read(const struct fake *fake, const struct fake_link *link)
{
    int unread = 0;
    return !fake->piece || ioctl(link->fd, SIOCOUTQ, &unread) < 0 || unread == 0;
}

/* False: the connection is at its end. */
static bool link_write(struct fake *fake, struct fake_link *link)
{
    while (link->out.length && piece_is_read(fake, link)) {
        size_t length = fake->piece && fake->piece < link->out.length ? fake->piece : link->out.length;
        ssize_t sent = send(link->fd, link->out.bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0)
            break;
        wire_drop(&link->out, (size_t)sent);
    }
    return link->out.length || !link->closing;
}

static bool link_read(struct fake_link *link)
{
    char bytes[16384];
    ssize_t count = recv(link->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0)
        wire_bytes(&link->in, bytes, (size_t)count);
    return count > 0 || (count < 0 && errno == EAGAIN);
}

static void accept_from(struct fake *fake, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct fake_link *link = fake_link_new(fake, fd);
    TAILQ_INSERT_TAIL(&fake->links, link, link);
}

/* How long nothing can happen by itself, milliseconds; -1: for ever. */
static int patience(const struct fake *fake)
{
    int64_t until_us = INT64_MAX;
    const struct fake_link *link;
    TAILQ_FOREACH (link, &fake->links, link) {
        if (link->out.length && fake->piece)
            return 0;
        if (link->waits && link->resume_us < until_us)
            until_us = link->resume_us;
    }
    int64_t left_us = until_us - fake_now_us();
    return until_us == INT64_MAX ? -1 : left_us <= 0 ? 0 : (int)(left_us / 1000) + 1;
}

static nfds_t poll_fill(const struct fake *fake, struct pollfd *polled)
{
    nfds_t count = 0;
    polled[count++] = (struct pollfd){.fd = fake->wake, .events = POLLIN};
    for (int i = 0; i < 2; i++)
        polled[count++] = (struct pollfd){.fd = fake->listeners[i], .events = POLLIN};
    const struct fake_link *link;
    TAILQ_FOREACH (link, &fake->links, link) {
        bool writes = link->out.length && !fake->piece;
        polled[count++] = (struct pollfd){.fd = link->fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
    }
    return count;
}

static void links_run(struct fake *fake, const struct pollfd *polled)
{
    struct fake_link *link = TAILQ_FIRST(&fake->links);
    for (nfds_t at = 3; link; at++) {
        struct fake_link *next = TAILQ_NEXT(link, link);
        bool alive = !(polled[at].revents & (POLLIN | POLLHUP | POLLERR)) || link_read(link);
        if (alive) {
            fake_link_run(link);
            alive = link_write(fake, link);
        }
        if (!alive)
            link_end(fake, link);
        link = next;
    }
}

static void *fake_run(void *argument)
{
    struct fake *fake = argument;
    struct pollfd polled[3 + LINKS_MOST];
    pthread_mutex_lock(&fake->lock);
    while (!fake->stopping) {
        nfds_t count = poll_fill(fake, polled);
        int timeout = patience(fake);
        pthread_mutex_unlock(&fake->lock);
        if (timeout == 0)
            usleep(20); /* the client is to read */
        poll(polled, count, timeout);
        eventfd_t wakes;
        if (polled[0].revents)
            eventfd_read(fake->wake, &wakes);
        pthread_mutex_lock(&fake->lock);
        links_run(fake, polled);
        for (int i = 0; i < 2; i++)
            if (polled[1 + i].revents && count < LINKS_MOST)
                accept_from(fake, fake->listeners[i]);
    }
    pthread_mutex_unlock(&fake->lock);
    return NULL;
}

/* ---- Life ---- */

static int listen_at(const struct sockaddr *address, socklen_t length)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, address, length), 0);
    assert_int_equal(listen(fd, LINKS_MOST), 0);
    return fd;
}

/* TCP chooses the port, which then goes into the name of the other socket, as libpq makes it. */
static void listen_both(struct fake *fake)
{
    struct sockaddr_in inet = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    socklen_t length = sizeof inet;
    fake->listeners[0] = listen_at((struct sockaddr *)&inet, sizeof inet);
    getsockname(fake->listeners[0], (struct sockaddr *)&inet, &length);
    fake->port = ntohs(inet.sin_port);
    snprintf(fake->host, sizeof fake->host, "@dialogs-fake-%d", (int)getpid());
    int named = snprintf(local.sun_path, sizeof local.sun_path, "%s/.s.PGSQL.%d", fake->host, fake->port);
    local.sun_path[0] = '\0';
    fake->listeners[1] =
        listen_at((struct sockaddr *)&local, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)named));
    snprintf(fake->conninfo, sizeof fake->conninfo, "host=%s port=%d user=fake dbname=fake", fake->host, fake->port);
    snprintf(fake->conninfo_tcp, sizeof fake->conninfo_tcp, "host=127.0.0.1 port=%d user=fake dbname=fake", fake->port);
}

static void join_world(struct fake *fake, struct fake_world *world)
{
    fake->owns_world = !world;
    fake->world = world ? world : fake_world_new(false);
    int node = fake->world->nodes++;
    snprintf(fake->world->hosts[node], sizeof fake->world->hosts[node], "%s", fake->host);
    fake->world->ports[node] = fake->port;
}

struct fake *fake_start(struct fake_world *world, int32_t group)
{
    struct fake *fake = calloc(1, sizeof *fake);
    assert_non_null(fake);
    fake->group = group;
    TAILQ_INIT(&fake->links);
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->news, NULL);
    fake->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    listen_both(fake);
    join_world(fake, world);
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
    return fake;
}

void fake_stop(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->stopping = true;
    pthread_mutex_unlock(&fake->lock);
    wake(fake);
    pthread_join(fake->thread, NULL);
    while (!TAILQ_EMPTY(&fake->links))
        link_end(fake, TAILQ_FIRST(&fake->links));
    close(fake->listeners[0]);
    close(fake->listeners[1]);
    close(fake->wake);
    wire_free(&fake->trace);
    if (fake->owns_world)
        fake_world_free(fake->world);
    pthread_mutex_destroy(&fake->lock);
    pthread_cond_destroy(&fake->news);
    free(fake);
}

struct fake_world *fake_world_of(const struct fake *fake)
{
    return fake->world;
}

const char *fake_conninfo(const struct fake *fake)
{
    return fake->conninfo;
}

const char *fake_conninfo_tcp(const struct fake *fake)
{
    return fake->conninfo_tcp;
}

const char *fake_host(const struct fake *fake)
{
    return fake->host;
}

int fake_port(const struct fake *fake)
{
    return fake->port;
}
