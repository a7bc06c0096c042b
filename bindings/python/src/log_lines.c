/*
 * log_lines.c - the library's log on its way to Python. The library's threads put lines into a queue; they never wait
 * for Python's lock. One thread of Python takes them from there. When it is slow the oldest lines are lost and counted.
 */
#include "binding.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINES = 1024, SUBSYSTEM = 32, WAIT_MS = 200 };

struct line {
    int level;
    char subsystem[SUBSYSTEM];
    char *text;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t arrival;
    struct line lines[LINES]; /* a ring */
    size_t first, count;
    uint64_t lost;
    bool ended;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .arrival = PTHREAD_COND_INITIALIZER};

/* With the lock held. */
static struct line queue_pop(void)
{
    struct line line = queue.lines[queue.first];
    queue.first = (queue.first + 1) % LINES;
    queue.count--;
    return line;
}

/* With the lock held: room for one more. */
static struct line *queue_slot(void)
{
    if (queue.count == LINES) {
        free(queue_pop().text);
        queue.lost++;
    }
    return &queue.lines[(queue.first + queue.count++) % LINES];
}

/* dlg_log_fn */
static void queue_push(dlg_log_level level, const char *subsystem, const char *text, void *payload)
{
    (void)payload;
    char *copy = strdup(text);
    pthread_mutex_lock(&queue.lock);
    if (copy) {
        struct line *line = queue_slot();
        *line = (struct line){.level = (int)level, .text = copy};
        strncat(line->subsystem, subsystem, sizeof line->subsystem - 1);
        pthread_cond_signal(&queue.arrival);
    } else {
        queue.lost++;
    }
    pthread_mutex_unlock(&queue.lock);
}

int log_listen(dlg_settings *settings, int level)
{
    return dlg_settings_log(settings, (dlg_log_level)level, queue_push, NULL, NULL);
}

/* Waits a moment for the next line; its text NULL: none came. Returns how many were lost before it. */
static uint64_t queue_take(struct line *line)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&queue.lock);
    if (!queue.count && !queue.ended)
        pthread_cond_timedwait(&queue.arrival, &queue.lock, &until);
    if (queue.count)
        *line = queue_pop();
    uint64_t lost = queue.lost;
    queue.lost = 0;
    pthread_mutex_unlock(&queue.lock);
    return lost;
}

PyObject *log_take(void)
{
    struct line line = {0};
    PyThreadState *state = PyEval_SaveThread();
    uint64_t lost = queue_take(&line);
    PyEval_RestoreThread(state);
    PyObject *value = Py_BuildValue("issK", line.level, line.subsystem, line.text, (unsigned long long)lost);
    free(line.text);
    return value;
}

void log_end(void)
{
    pthread_mutex_lock(&queue.lock);
    queue.ended = true;
    pthread_cond_broadcast(&queue.arrival);
    pthread_mutex_unlock(&queue.lock);
}

/* A forked child has another thread than the one that may have held the lock, and starts anew. */
void log_forked(void)
{
    pthread_mutex_init(&queue.lock, NULL);
    pthread_cond_init(&queue.arrival, NULL);
    queue.first = queue.count = 0;
    queue.lost = 0;
    queue.ended = false;
}
