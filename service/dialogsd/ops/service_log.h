/* service_log.h - the access log, one JSON object a line; and what is said to the operator on stderr. */
#ifndef DIALOGSD_SERVICE_LOG_H
#define DIALOGSD_SERVICE_LOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct service_log {
    pthread_mutex_t lock; /* over everything below */
    const char *path;     /* borrowed; "-" stdout */
    int fd;               /* -1: off */
    size_t length;
    char *lines; /* not written yet */
};

/* One line to stderr. Always returns false, so that a check may end with `return say(...)`. */
bool say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Opens the log at `path`: a file, "-" for stdout, "off" for none. On failure says why. */
bool service_log_open(struct service_log *log, const char *path);

bool service_log_wanted(const struct service_log *log);

/* Adds a whole line. It is written when the buffer is full, or with service_log_flush(). */
void service_log_add(struct service_log *log, const char *line, size_t length);
void service_log_flush(struct service_log *log);

/* Opens the file anew, after it was rotated. */
void service_log_reopen(struct service_log *log);
void service_log_close(struct service_log *log);

#endif
