#include "base/trace.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { TRACE_LIMIT = 256 << 20, PREFIX_SIZE = 64, STREAM_ROOM = 1 << 16 };

static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    FILE *file; /* NULL: there is no trace, or it has ended */
    size_t written;
} trace = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

/* One connection's lines, which libpq may hand over in pieces. */
struct trace_stream {
    unsigned connection;
    bool within_line;
};

static void trace_open(void)
{
    const char *path = secure_getenv("DLG_TRACE");
    int fd = path && *path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd < 0)
        return;
    trace.file = fdopen(fd, "a");
    if (!trace.file)
        close(fd);
}

bool trace_is_on(void)
{
    pthread_once(&trace.once, trace_open);
    return trace.file != NULL;
}

/* "2026-01-31 23:59:59.123456 " */
static void write_time(void)
{
    struct timespec now;
    struct tm utc;
    char text[PREFIX_SIZE];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(text, sizeof text, "%F %T", &utc);
    trace.written += length + 8;
    fprintf(trace.file, "%.*s.%06ld ", (int)length, text, now.tv_nsec / 1000);
}

/* With the lock held: whether there is room for so many bytes. The last line says that there is none. */
static bool has_room(size_t length)
{
    if (!trace.file || trace.written + length + PREFIX_SIZE <= TRACE_LIMIT)
        return trace.file != NULL;
    fputs("the trace ends here: it has reached its limit\n", trace.file);
    fclose(trace.file);
    trace.file = NULL;
    return false;
}

void trace_event(const char *subsystem, const char *line)
{
    if (!trace_is_on())
        return;
    size_t length = strlen(subsystem) + strlen(line) + 3;
    pthread_mutex_lock(&trace.lock);
    if (has_room(length)) {
        write_time();
        trace.written += length;
        fprintf(trace.file, "%s: %s\n", subsystem, line);
        fflush(trace.file);
    }
    pthread_mutex_unlock(&trace.lock);
}

/* With the lock held: one line, or a part of one. */
static void write_piece(struct trace_stream *stream, const char *bytes, size_t length)
{
    if (!has_room(length))
        return;
    if (!stream->within_line) {
        write_time();
        int prefix = fprintf(trace.file, "connection %u: ", stream->connection);
        trace.written += prefix > 0 ? (size_t)prefix : 0;
    }
    trace.written += fwrite(bytes, 1, length, trace.file);
    stream->within_line = bytes[length - 1] != '\n';
}

static ssize_t stream_write(void *cookie, const char *bytes, size_t size)
{
    pthread_mutex_lock(&trace.lock);
    for (size_t at = 0; at < size;) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t length = end ? (size_t)(end + 1 - bytes) - at : size - at;
        write_piece(cookie, bytes + at, length);
        at += length;
    }
    if (trace.file)
        fflush(trace.file);
    pthread_mutex_unlock(&trace.lock);
    return (ssize_t)size;
}

static int stream_close(void *cookie)
{
    free(cookie);
    return 0;
}

FILE *trace_stream(unsigned connection)
{
    struct trace_stream *stream = trace_is_on() ? calloc(1, sizeof *stream) : NULL;
    if (!stream)
        return NULL;
    stream->connection = connection;
    FILE *file = fopencookie(stream, "w", (cookie_io_functions_t){.write = stream_write, .close = stream_close});
    if (file)
        setvbuf(file, NULL, _IOLBF, STREAM_ROOM); /* a line is written whole, as far as it has room */
    else
        free(stream);
    return file;
}
