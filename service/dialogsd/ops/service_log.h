/* log.h - the access log, one JSON object a line; and what is said to the operator on stderr. */
#ifndef DIALOGSD_LOG_H
#define DIALOGSD_LOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct log {
    pthread_mutex_t lock; /* over everything below */
    const char *path;     /* borrowed; "-" stdout */
    int fd;               /* -1: off */
    size_t length;
    char *lines; /* not written yet */
};

/* One line to stderr. Always returns false, so that a check may end with `return say(...)`. */
bool say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Opens the log at `path`: a file, "-" for stdout, "off" for none. On failure says why. */
bool log_open(struct log *log, const char *path);

bool log_wanted(const struct log *log);

/* Adds a whole line. It is written when the buffer is full, or with log_flush(). */
void log_add(struct log *log, const char *line, size_t length);
void log_flush(struct log *log);

/* Opens the file anew, after it was rotated. */
void log_reopen(struct log *log);
void log_close(struct log *log);

#endif
