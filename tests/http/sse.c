#include "sse.h"

#include "check.h"
#include "wire.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* More bytes from the socket; false when none come in time, or never will. */
static bool receive(struct sse *sse, long end_ms)
{
    struct pollfd wait = {.fd = sse->fd, .events = POLLIN};
    long left = end_ms - now_ms();
    if (sse->closed || left < 0 || poll(&wait, 1, (int)left) != 1)
        return false;
    sse->raw = realloc(sse->raw, sse->raw_length + 65536 + 1);
    assert_non_null(sse->raw);
    ssize_t got = recv(sse->fd, sse->raw + sse->raw_length, 65536, 0);
    if (got <= 0) {
        sse->closed = true;
        return false;
    }
    sse->raw_length += (size_t)got;
    sse->raw[sse->raw_length] = '\0';
    return true;
}

static void drop(struct sse *sse, size_t count)
{
    sse->raw_length -= count;
    memmove(sse->raw, sse->raw + count, sse->raw_length + 1);
}

/* Takes a whole chunk out of its frame (RFC 9112, 7.1); false when there is none yet. */
static bool take_chunk(struct sse *sse)
{
    if (!sse->raw_length)
        return false;
    char *line = strstr(sse->raw, "\r\n");
    size_t size = line ? strtoul(sse->raw, NULL, 16) : 0;
    size_t head = line ? (size_t)(line - sse->raw) + 2 : 0;
    if (!line || sse->raw_length < head + size + 2)
        return false;
    if (sse->length + size + 1 > sse->room) {
        sse->room = 2 * (sse->length + size + 1);
        sse->text = realloc(sse->text, sse->room);
        assert_non_null(sse->text);
    }
    memcpy(sse->text + sse->length, sse->raw + head, size);
    sse->length += size;
    sse->text[sse->length] = '\0';
    sse->closed = sse->closed || size == 0;
    drop(sse, head + size + 2);
    return size > 0;
}

void sse_open(struct sse *sse, int port, const char *token, const char *last_id)
{
    sse_open_query(sse, port, token, last_id, "");
}

void sse_open_query(struct sse *sse, int port, const char *token, const char *last_id, const char *query)
{
    char request[8192];
    *sse = (struct sse){.fd = wire_open(port)};
    snprintf(request, sizeof request,
             "GET /events%s HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n%s%s%s%s%s%s\r\n", query,
             token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
             last_id ? "Last-Event-ID: " : "", last_id ? last_id : "", last_id ? "\r\n" : "");
    assert_true(wire_say(sse->fd, request));
    char *end = NULL;
    for (long until = now_ms() + 15000; !end && receive(sse, until);)
        end = strstr(sse->raw, "\r\n\r\n");
    if (!end || strncmp(sse->raw, "HTTP/1.1 200 ", 13) != 0)
        fail_msg("no stream: %s", sse->raw ? sse->raw : "nothing came");
    assert_non_null(strcasestr(sse->raw, "\r\nContent-Type: text/event-stream\r\n"));
    drop(sse, (size_t)(end - sse->raw) + 4);
}

/* The next comment, or whole block of lines: 1 with a message, 0 without, -1 when there is none. */
static int take_block(struct sse *sse)
{
    char *from = sse->text ? sse->text + sse->at : NULL;
    char *end = from ? strstr(from, *from == ':' || *from == 'r' ? "\n" : "\n\n") : NULL; /* retry: is on its own */
    if (!end)
        return -1;
    if (*from == ':' || *from == 'r') {
        sse->at = (size_t)(end - sse->text) + 1;
        return 0;
    }
    int found = 0;
    for (char *line = from; line <= end; line = strchr(line, '\n') + 1) {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, "id: ", 4) == 0)
            snprintf(sse->last_id, sizeof sse->last_id, "%.*s", (int)(length - 4), line + 4);
        if (strncmp(line, "data: ", 6) == 0 && strncmp(line, "data: {}\n", 9) != 0) {
            snprintf(sse->data, sizeof sse->data, "%.*s", (int)(length - 6), line + 6);
            found = 1;
        }
    }
    sse->at = (size_t)(end - sse->text) + 2;
    return found;
}

static bool next_of(struct sse *sse, int kind, long end_ms)
{
    for (;;) {
        for (int found; (found = take_block(sse)) >= 0;)
            if (found == kind)
                return true;
        if (!take_chunk(sse) && !receive(sse, end_ms))
            return false;
    }
}

bool sse_next(struct sse *sse, int patience_ms)
{
    return next_of(sse, 1, now_ms() + patience_ms);
}

bool sse_beats(struct sse *sse, int count, int patience_ms)
{
    long end = now_ms() + patience_ms;
    while (count > 0 && next_of(sse, 0, end))
        count--;
    return count == 0;
}

char *sse_text(const struct sse *sse)
{
    json_t *json = json_loads(sse->data, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "text"));
    if (!text)
        fail_msg("no message: %s", sse->data);
    char *copy = strdup(text ? text : "");
    json_decref(json);
    return copy;
}

void sse_expect(struct sse *sse, const char *expected)
{
    if (!sse_next(sse, 10000))
        fail_msg("\"%s\" did not come", expected);
    char *text = sse_text(sse);
    assert_string_equal(text, expected);
    free(text);
}

void sse_expect_silence(struct sse *sse)
{
    if (sse_next(sse, 300))
        fail_msg("this came unexpectedly: %s", sse->data);
}

void sse_close(struct sse *sse)
{
    close(sse->fd);
    free(sse->text);
    free(sse->raw);
    sse->text = sse->raw = NULL;
}
