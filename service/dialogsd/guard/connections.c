#include "guard/connections.h"

#include "common/service_clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

void connections_open(struct connections *connections, int64_t patience_us)
{
    *connections = (struct connections){.patience_us = patience_us};
    pthread_mutex_init(&connections->lock, NULL);
}

void connections_close(struct connections *connections)
{
    pthread_mutex_destroy(&connections->lock);
}

static void write_address(const struct sockaddr *address, char *text)
{
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text, INET6_ADDRSTRLEN);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text, INET6_ADDRSTRLEN);
}

struct client_connection *connections_add(struct connections *connections, int fd, const struct sockaddr *address)
{
    struct client_connection *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->fd = fd;
    client_idle(connections, client);
    write_address(address, client->address);
    pthread_mutex_lock(&connections->lock);
    client->next = connections->first;
    if (client->next)
        client->next->previous = client;
    connections->first = client;
    pthread_mutex_unlock(&connections->lock);
    atomic_fetch_add(&connections->count, 1);
    return client;
}

void connections_remove(struct connections *connections, struct client_connection *client)
{
    pthread_mutex_lock(&connections->lock);
    if (client->next)
        client->next->previous = client->previous;
    if (client->previous)
        client->previous->next = client->next;
    else
        connections->first = client->next;
    pthread_mutex_unlock(&connections->lock);
    atomic_fetch_sub(&connections->count, 1);
    free(client);
}

unsigned connections_count(struct connections *connections)
{
    return atomic_load(&connections->count);
}

void client_busy(struct client_connection *client)
{
    atomic_store_explicit(&client->deadline_us, INT64_MAX, memory_order_relaxed);
}

void client_idle(const struct connections *connections, struct client_connection *client)
{
    atomic_store_explicit(&client->deadline_us, monotonic_us() + connections->patience_us, memory_order_relaxed);
}

void connections_make_room(struct connections *connections)
{
    enum { MOST = 64, IDLE_US = 1000000 };
    unsigned count = 0;
    int64_t before_us = monotonic_us() + connections->patience_us - IDLE_US;
    pthread_mutex_lock(&connections->lock);
    for (struct client_connection *client = connections->first; client && count < MOST; client = client->next) {
        if (client->admin || atomic_load_explicit(&client->deadline_us, memory_order_relaxed) > before_us)
            continue;
        atomic_store_explicit(&client->deadline_us, INT64_MAX, memory_order_relaxed); /* once */
        shutdown(client->fd, SHUT_RDWR);
        count++;
    }
    pthread_mutex_unlock(&connections->lock);
}

/*
 * libmicrohttpd is told once of what comes. When it reads the last bytes of a client and the end behind them came with
 * them, it does not see the end, and waits for the rest. To shut down what the client has shut down tells it again.
 */
static void tell_again(struct pollfd *waiting, nfds_t count)
{
    if (poll(waiting, count, 0) <= 0)
        return;
    for (nfds_t i = 0; i < count; i++)
        if (waiting[i].revents & POLLRDHUP)
            shutdown(waiting[i].fd, SHUT_RD);
}

void connections_sweep(struct connections *connections)
{
    enum { BATCH = 256 };
    struct pollfd waiting[BATCH];
    nfds_t count = 0;
    int64_t now = monotonic_us();
    pthread_mutex_lock(&connections->lock);
    for (struct client_connection *client = connections->first; client; client = client->next) {
        int64_t deadline_us = atomic_load_explicit(&client->deadline_us, memory_order_relaxed);
        if (deadline_us == INT64_MAX)
            continue;
        if (deadline_us < now)
            shutdown(client->fd, SHUT_RDWR);
        waiting[count++] = (struct pollfd){.fd = client->fd, .events = POLLRDHUP};
        if (count < BATCH)
            continue;
        tell_again(waiting, count);
        count = 0;
    }
    tell_again(waiting, count);
    pthread_mutex_unlock(&connections->lock);
}
