#include "guard/connections.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void peers_open(struct peers *peers, int64_t patience_us)
{
    *peers = (struct peers){.patience_us = patience_us};
    pthread_mutex_init(&peers->lock, NULL);
}

void peers_close(struct peers *peers)
{
    pthread_mutex_destroy(&peers->lock);
}

static void write_address(const struct sockaddr *address, char *text)
{
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text, INET6_ADDRSTRLEN);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text, INET6_ADDRSTRLEN);
}

struct peer *peers_add(struct peers *peers, int fd, const struct sockaddr *address)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->fd = fd;
    peer_idle(peers, peer);
    write_address(address, peer->address);
    pthread_mutex_lock(&peers->lock);
    peer->next = peers->first;
    if (peer->next)
        peer->next->previous = peer;
    peers->first = peer;
    pthread_mutex_unlock(&peers->lock);
    atomic_fetch_add(&peers->count, 1);
    return peer;
}

void peers_remove(struct peers *peers, struct peer *peer)
{
    pthread_mutex_lock(&peers->lock);
    if (peer->next)
        peer->next->previous = peer->previous;
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        peers->first = peer->next;
    pthread_mutex_unlock(&peers->lock);
    atomic_fetch_sub(&peers->count, 1);
    free(peer);
}

unsigned peers_count(struct peers *peers)
{
    return atomic_load(&peers->count);
}

void peer_busy(struct peer *peer)
{
    atomic_store_explicit(&peer->deadline_us, INT64_MAX, memory_order_relaxed);
}

void peer_idle(const struct peers *peers, struct peer *peer)
{
    atomic_store_explicit(&peer->deadline_us, monotonic_us() + peers->patience_us, memory_order_relaxed);
}

void peers_sweep(struct peers *peers)
{
    int64_t now = monotonic_us();
    pthread_mutex_lock(&peers->lock);
    for (struct peer *peer = peers->first; peer; peer = peer->next)
        if (atomic_load_explicit(&peer->deadline_us, memory_order_relaxed) < now)
            shutdown(peer->fd, SHUT_RDWR);
    pthread_mutex_unlock(&peers->lock);
}
