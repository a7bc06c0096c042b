/*
 * fair_queue.h - whose turn it is at something dear that runs a few times at once. Those who wait take turns by name:
 * the second of one name runs after the first of every other. So somebody who brings many delays others by one each.
 * Nothing is allocated: what waits is a ticket, part of its request.
 */
#ifndef DIALOGSD_FAIR_QUEUE_H
#define DIALOGSD_FAIR_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum { FAIR_NAME_SIZE = 64 };

struct fair_ticket {
    TAILQ_ENTRY(fair_ticket) link;
    bool waits;
    uint64_t round; /* that it runs in */
    int64_t deadline_us;
    char name[FAIR_NAME_SIZE];
};

struct fair_queue {
    pthread_mutex_t lock;                          /* over the rest */
    TAILQ_HEAD(fair_tickets, fair_ticket) tickets; /* by round; of one round the oldest first */
    unsigned running, most_running;
    unsigned waiting, most_waiting;
    unsigned most_of_name; /* that wait; 0: no limit */
    uint64_t round;        /* of the last that ran */
};

enum fair_answer { FAIR_RUN, FAIR_WAIT, FAIR_REFUSED };

void fair_queue_open(struct fair_queue *queue, unsigned most_running, unsigned most_waiting, unsigned most_of_name);
void fair_queue_close(struct fair_queue *queue);

/*
 * Somebody comes. FAIR_RUN: it runs now, and fair_queue_leave() is due. FAIR_WAIT: its turn comes, or its deadline, or
 * it is pushed out: when the queue is full, whoever has brought most gives way. `pushed_out` receives such a ticket.
 * FAIR_REFUSED: too many wait.
 */
enum fair_answer fair_queue_enter(struct fair_queue *queue, struct fair_ticket *ticket, const char *name,
                                  int64_t deadline_us, struct fair_ticket **pushed_out);

/* One that ran is done. The one that runs now, or NULL. */
struct fair_ticket *fair_queue_leave(struct fair_queue *queue);

/* One that waits no more, because its deadline has passed; NULL: there is none. */
struct fair_ticket *fair_queue_expire(struct fair_queue *queue, int64_t now_us);

/* Forgets a ticket, if it waits. */
void fair_queue_remove(struct fair_queue *queue, struct fair_ticket *ticket);

unsigned fair_queue_waiting(struct fair_queue *queue);

#endif
