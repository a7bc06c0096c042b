#include "ops/service_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_ROOM = 65536 };

bool say(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "dialogsd: %s\n", line);
    return false;
}

static int open_log(const char *path)
{
    if (strcmp(path, "-") == 0)
        return dup(STDOUT_FILENO);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

bool service_log_open(struct service_log *log, const char *path)
{
    *log = (struct service_log){.path = path, .fd = -1};
    pthread_mutex_init(&log->lock, NULL);
    if (strcmp(path, "off") == 0)
        return true;
    log->lines = malloc(LOG_ROOM);
    log->fd = open_log(path);
    if (log->fd < 0 || !log->lines)
        return say("cannot write the log %s: %s; choose another with --log", path, strerror(errno));
    return true;
}

bool service_log_wanted(const struct service_log *log)
{
    return log->lines != NULL;
}

/* Lines that cannot be written are lost: a full disk must not stop the service. */
static void write_lines(struct service_log *log)
{
    const char *from = log->lines;
    while (log->length > 0 && log->fd >= 0) {
        ssize_t wrote = write(log->fd, from, log->length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            break;
        from += wrote;
        log->length -= (size_t)wrote;
    }
    log->length = 0;
}

void service_log_add(struct service_log *log, const char *line, size_t length)
{
    if (!service_log_wanted(log) || length > LOG_ROOM)
        return;
    pthread_mutex_lock(&log->lock);
    if (log->length + length > LOG_ROOM)
        write_lines(log);
    memcpy(log->lines + log->length, line, length);
    log->length += length;
    pthread_mutex_unlock(&log->lock);
}

void service_log_flush(struct service_log *log)
{
    if (!service_log_wanted(log))
        return;
    pthread_mutex_lock(&log->lock);
    write_lines(log);
    pthread_mutex_unlock(&log->lock);
}

void service_log_reopen(struct service_log *log)
{
    if (!service_log_wanted(log))
        return;
    pthread_mutex_lock(&log->lock);
    write_lines(log);
    int fd = open_log(log->path);
    if (fd < 0) {
        say("cannot open the log %s again: %s; going on with the old file", log->path, strerror(errno));
    } else {
        close(log->fd);
        log->fd = fd;
    }
    pthread_mutex_unlock(&log->lock);
}

void service_log_close(struct service_log *log)
{
    service_log_flush(log);
    if (log->fd >= 0)
        close(log->fd);
    free(log->lines);
    pthread_mutex_destroy(&log->lock);
}
