#include "pg/multi_connect.h"

#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(struct connect_attempt *target)
{
    const char *keywords[] = {"fallback_application_name", "client_encoding", "dbname", NULL};
    const char *values[] = {"libdialogs", "UTF8", target->conninfo, NULL};
    target->conn = target->conninfo ? PQconnectStartParams(keywords, values, 1) : NULL;
    bool failed = !target->conn || PQstatus(target->conn) == CONNECTION_BAD;
    target->state = failed ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
}

static bool is_waiting(const struct connect_attempt *target)
{
    return target->state == PGRES_POLLING_READING || target->state == PGRES_POLLING_WRITING;
}

/* Those that wait, in `polled`; how many. */
static nfds_t prepare(const struct connect_attempt *targets, size_t count, struct pollfd *polled)
{
    nfds_t waiting = 0;
    for (size_t i = 0; i < count; i++) {
        polled[i] = (struct pollfd){.fd = -1};
        if (!is_waiting(&targets[i]))
            continue;
        polled[i].fd = PQsocket(targets[i].conn);
        polled[i].events = targets[i].state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        waiting++;
    }
    return waiting;
}

void multi_connect_all(struct connect_attempt *targets, size_t count, int64_t deadline_us)
{
    struct pollfd *polled = calloc(count + 1, sizeof *polled);
    for (size_t i = 0; i < count; i++)
        begin(&targets[i]);
    while (polled && prepare(targets, count, polled)) {
        int64_t left_us = deadline_us - clock_monotonic_us();
        if (left_us <= 0)
            break;
        poll(polled, (nfds_t)count, left_us > 60000000 ? 60000 : (int)(left_us / 1000) + 1);
        for (size_t i = 0; i < count; i++)
            if (polled[i].revents)
                targets[i].state = PQconnectPoll(targets[i].conn);
    }
    free(polled);
}

void multi_connect_reason(const struct connect_attempt *target, char *text, size_t size)
{
    const char *why = "out of memory";
    if (target->conn)
        why = is_waiting(target) ? "no answer in time" : PQerrorMessage(target->conn);
    snprintf(text, size, "%s", why);
    text[strcspn(text, "\n")] = '\0';
}

void multi_connect_close(struct connect_attempt *targets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        PQfinish(targets[i].conn);
}
