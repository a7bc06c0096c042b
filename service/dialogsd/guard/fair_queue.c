#include "guard/fair_queue.h"

#include <stdio.h>
#include <string.h>

void fair_queue_open(struct fair_queue *queue, unsigned most_running, unsigned most_waiting, unsigned most_of_name)
{
    *queue =
        (struct fair_queue){.most_running = most_running, .most_waiting = most_waiting, .most_of_name = most_of_name};
    TAILQ_INIT(&queue->tickets);
    pthread_mutex_init(&queue->lock, NULL);
}

void fair_queue_close(struct fair_queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
}

/* The round of a newcomer: the next after the last of its name. `count`: how many of its name wait. */
static uint64_t round_of(const struct fair_queue *queue, const char *name, unsigned *count)
{
    uint64_t round = queue->round;
    const struct fair_ticket *ticket;
    *count = 0;
    TAILQ_FOREACH (ticket, &queue->tickets, link) {
        if (strcmp(ticket->name, name) != 0)
            continue;
        round = ticket->round + 1;
        ++*count;
    }
    return round;
}

static void insert(struct fair_queue *queue, struct fair_ticket *ticket)
{
    struct fair_ticket *before = TAILQ_LAST(&queue->tickets, fair_tickets);
    while (before && before->round > ticket->round)
        before = TAILQ_PREV(before, fair_tickets, link);
    if (before)
        TAILQ_INSERT_AFTER(&queue->tickets, before, ticket, link);
    else
        TAILQ_INSERT_HEAD(&queue->tickets, ticket, link);
    ticket->waits = true;
    queue->waiting++;
}

static void take_out(struct fair_queue *queue, struct fair_ticket *ticket)
{
    TAILQ_REMOVE(&queue->tickets, ticket, link);
    ticket->waits = false;
    queue->waiting--;
}

static enum fair_answer wait_or_refuse(struct fair_queue *queue, struct fair_ticket *ticket,
                                       struct fair_ticket **pushed_out)
{
    unsigned count;
    ticket->round = round_of(queue, ticket->name, &count);
    if (queue->most_of_name && count >= queue->most_of_name)
        return FAIR_REFUSED;
    if (queue->waiting >= queue->most_waiting) {
        struct fair_ticket *last = TAILQ_LAST(&queue->tickets, fair_tickets);
        if (!last || last->round <= ticket->round)
            return FAIR_REFUSED;
        take_out(queue, last);
        *pushed_out = last;
    }
    insert(queue, ticket);
    return FAIR_WAIT;
}

enum fair_answer fair_queue_enter(struct fair_queue *queue, struct fair_ticket *ticket, const char *name,
                                  int64_t deadline_us, struct fair_ticket **pushed_out)
{
    enum fair_answer answer = FAIR_RUN;
    *pushed_out = NULL;
    ticket->deadline_us = deadline_us;
    snprintf(ticket->name, sizeof ticket->name, "%s", name);
    pthread_mutex_lock(&queue->lock);
    if (queue->running < queue->most_running)
        queue->running++;
    else
        answer = wait_or_refuse(queue, ticket, pushed_out);
    pthread_mutex_unlock(&queue->lock);
    return answer;
}

struct fair_ticket *fair_queue_leave(struct fair_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct fair_ticket *next = TAILQ_FIRST(&queue->tickets);
    if (next) {
        take_out(queue, next);
        queue->round = next->round;
    } else {
        queue->running--;
    }
    pthread_mutex_unlock(&queue->lock);
    return next;
}

struct fair_ticket *fair_queue_expire(struct fair_queue *queue, int64_t now_us)
{
    struct fair_ticket *ticket;
    pthread_mutex_lock(&queue->lock);
    TAILQ_FOREACH (ticket, &queue->tickets, link)
        if (ticket->deadline_us <= now_us)
            break;
    if (ticket)
        take_out(queue, ticket);
    pthread_mutex_unlock(&queue->lock);
    return ticket;
}

void fair_queue_remove(struct fair_queue *queue, struct fair_ticket *ticket)
{
    pthread_mutex_lock(&queue->lock);
    if (ticket->waits)
        take_out(queue, ticket);
    pthread_mutex_unlock(&queue->lock);
}

unsigned fair_queue_waiting(struct fair_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    unsigned waiting = queue->waiting;
    pthread_mutex_unlock(&queue->lock);
    return waiting;
}
