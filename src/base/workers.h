/* workers.h - a bounded pool of threads for work that would hold up the I/O thread: hashing passwords. */
#ifndef DIALOGS_WORKERS_H
#define DIALOGS_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct workers;

/* Embedded in what its owner needs for the job; not touched any more once the last of these was called. */
struct job {
    struct job *next;
    int64_t deadline_us; /* monotonic, or 0; nobody waits for the job after it: run() is told that it is cancelled */
    void (*run)(struct job *job, bool cancelled);
    void (*tell)(struct job *job); /* NULL, or follows run(), when the job's place is free for another */
};

/*
 * At most `threads` jobs run and at most `queue_limit` wait. Threads start with the first jobs.
 * NULL when out of memory.
 */
struct workers *workers_new(size_t threads, size_t queue_limit);

/*
 * True: run() and tell() are called exactly once, on a worker thread, or by workers_stop(). False, and nothing
 * is kept: the queue is full, no thread could be started, or the pool was stopped. Any thread.
 */
bool workers_submit(struct workers *workers, struct job *job);

/* Jobs accepted and not done. Any thread. */
size_t workers_load(struct workers *workers);

/*
 * Takes no more jobs and returns when those accepted are done. With `cancel`, those that still wait
 * are given to run() with cancelled = true, on this thread. May be called again; not from a job,
 * and by one thread at a time.
 */
void workers_stop(struct workers *workers, bool cancel);

/* Stops (with cancel) and frees; NULL is fine. */
void workers_free(struct workers *workers);

/* Instead of workers_free() in a child process, which has no threads and perhaps a lock for ever held. */
void workers_forget(struct workers *workers);

#endif
