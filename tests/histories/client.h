/* client.h - what the roles of the recorder share: one process has one role, one client of the library, some threads.
 */
#ifndef HISTORIES_CLIENT_H
#define HISTORIES_CLIENT_H

#include "api.h"
#include "journal.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CLIENT_THREADS = 32 };

struct recorder {
    struct api *api;
    struct journal *journal;
    int process;
    int users;
    int threads;
    int64_t pause_us;        /* between two operations of a thread */
    atomic_int next_message; /* of this process; with its number it is the text of a message */
    atomic_int next_stream;
    atomic_bool stop;
};

/* One thread of a role. */
struct worker {
    struct recorder *recorder;
    pthread_t thread;
    unsigned seed;
    int number;
};

/* A random number from 0 to `limit` - 1, of a sequence that the seed decides. */
int worker_random(struct worker *worker, int limit);

/* Waits about as long as wanted between operations. False when the process is to end. */
bool worker_pause(struct worker *worker);
bool recorder_ending(struct recorder *recorder);
void sleep_us(int64_t us);

/* The roles; each is the body of a thread, and returns when the process is to end. */
void write_messages(struct worker *worker);
void send_messages(struct worker *worker);
void read_pages(struct worker *worker);
void follow_dialog(struct worker *worker);
void follow_feed(struct worker *worker);

#endif
