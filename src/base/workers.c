#include "base/workers.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct workers {
    pthread_mutex_t lock; /* guards what follows; never held while a job runs */
    pthread_cond_t wake;  /* a job came, or the pool stops */
    struct job *first;
    struct job **last;
    size_t waiting;
    size_t running;
    size_t started;
    size_t most_running;
    size_t most_waiting;
    bool stopping;
    pthread_t threads[];
};

struct workers *workers_new(size_t threads, size_t queue_limit)
{
    struct workers *workers = calloc(1, sizeof *workers + threads * sizeof *workers->threads);
    if (!workers)
        return NULL;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->wake, NULL);
    workers->last = &workers->first;
    workers->most_running = threads;
    workers->most_waiting = queue_limit;
    return workers;
}

static struct job *job_take(struct workers *workers)
{
    struct job *job = workers->first;
    if (!job)
        return NULL;
    workers->first = job->next;
    if (!workers->first)
        workers->last = &workers->first;
    workers->waiting--;
    return job;
}

/* With the lock held, which is not when the owner hears of it. */
static void job_finish(struct workers *workers, struct job *job, void (*tell)(struct job *job))
{
    workers->running--;
    if (!tell)
        return;
    pthread_mutex_unlock(&workers->lock);
    tell(job);
    pthread_mutex_lock(&workers->lock);
}

static bool is_late(const struct job *job)
{
    return job->deadline_us && clock_monotonic_us() >= job->deadline_us;
}

static void *work(void *argument)
{
    struct workers *workers = argument;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (!workers->first && !workers->stopping)
            pthread_cond_wait(&workers->wake, &workers->lock);
        struct job *job = job_take(workers);
        if (!job)
            break;
        workers->running++;
        pthread_mutex_unlock(&workers->lock);
        void (*tell)(struct job * job) = job->tell; /* without one, run() may free the job */
        job->run(job, is_late(job));
        pthread_mutex_lock(&workers->lock);
        job_finish(workers, job, tell);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

/*
 * Signals are the program's: its handlers must not run on our threads. The stack is of the default
 * size; Argon2's memory comes from the heap.
 */
static bool start_thread(struct workers *workers)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t *thread = &workers->threads[workers->started];
    bool started = pthread_create(thread, NULL, work, workers) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started)
        return false;
    pthread_setname_np(*thread, "dialogs-worker");
    workers->started++;
    return true;
}

/* Room counts idle threads too, so that the answer does not depend on how fast they wake up. */
static bool has_room(const struct workers *workers)
{
    return !workers->stopping && workers->waiting + workers->running < workers->most_waiting + workers->most_running;
}

/* A failure to start another thread is no harm while there is one. */
static bool has_thread(struct workers *workers)
{
    bool idle = workers->started > workers->running + workers->waiting;
    if (!idle && workers->started < workers->most_running)
        start_thread(workers);
    return workers->started > 0;
}

bool workers_submit(struct workers *workers, struct job *job)
{
    pthread_mutex_lock(&workers->lock);
    bool accepted = has_room(workers) && has_thread(workers);
    if (accepted) {
        job->next = NULL;
        *workers->last = job;
        workers->last = &job->next;
        workers->waiting++;
        pthread_cond_signal(&workers->wake);
    }
    pthread_mutex_unlock(&workers->lock);
    return accepted;
}

size_t workers_load(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    size_t load = workers->waiting + workers->running;
    pthread_mutex_unlock(&workers->lock);
    return load;
}

static struct job *take_all(struct workers *workers)
{
    struct job *jobs = workers->first;
    workers->first = NULL;
    workers->last = &workers->first;
    workers->waiting = 0;
    return jobs;
}

void workers_stop(struct workers *workers, bool cancel)
{
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    struct job *cancelled = cancel ? take_all(workers) : NULL;
    size_t started = workers->started;
    workers->started = 0;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
    while (cancelled) {
        struct job *job = cancelled;
        void (*tell)(struct job * job) = job->tell;
        cancelled = job->next; /* run() or tell() may free the job */
        job->run(job, true);
        if (tell)
            tell(job);
    }
    for (size_t i = 0; i < started; i++)
        pthread_join(workers->threads[i], NULL);
}

void workers_free(struct workers *workers)
{
    if (!workers)
        return;
    workers_stop(workers, true);
    pthread_cond_destroy(&workers->wake);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

void workers_forget(struct workers *workers)
{
    free(workers);
}
