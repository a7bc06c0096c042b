#include "pg/multi_connect.h"

#include "base/clock.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static PGconn *begin_at(const char *conninfo, const struct host_list *hosts, const char *name)
{
    const char *keywords[4 + HOST_LIST_KEYWORDS] = {"fallback_application_name", "client_encoding", "dbname"};
    const char *values[4 + HOST_LIST_KEYWORDS] = {name, "UTF8", conninfo};
    if (hosts)
        host_list_override(hosts, keywords, values);
    return PQconnectStartParams(keywords, values, 1);
}

PGconn *connect_begin(const char *conninfo, struct host_list *hosts, const char *name)
{
    PGconn *conn = begin_at(conninfo, hosts, name);
    if (!conn || !hosts || !host_list_learn(hosts, conn))
        return conn;
    PQfinish(conn);
    return begin_at(conninfo, hosts, name);
}

/* Whether the parameter has a value of its own, from wherever libpq takes them. */
static bool is_given(PGconn *conn, const char *keyword)
{
    PQconninfoOption *options = PQconninfo(conn);
    bool given = !options; /* out of memory: nothing is changed */
    for (const PQconninfoOption *option = options; option && option->keyword; option++)
        given |= strcmp(option->keyword, keyword) == 0 && option->val && *option->val;
    PQconninfoFree(options);
    return given;
}

/* After connecting: a parameter of PQconnectStartParams would be stronger than the service's. */
void connect_limit(PGconn *conn, int64_t timeout_ms)
{
    unsigned limit = timeout_ms < INT_MAX ? (unsigned)timeout_ms : INT_MAX;
    if (!is_given(conn, "tcp_user_timeout"))
        setsockopt(PQsocket(conn), IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit); /* fails where TCP is not */
}

enum { SLICE_US = 100000 }; /* of waiting, between two looks at the stop */

/* Those that wait, in `polled`; how many. */
static nfds_t prepare(const struct connect_attempt *targets, size_t count, struct pollfd *polled)
{
    nfds_t waiting = 0;
    for (size_t i = 0; i < count; i++) {
        polled[i] = (struct pollfd){.fd = -1};
        if (!multi_connect_is_pending(&targets[i]))
            continue;
        polled[i].fd = PQsocket(targets[i].conn);
        polled[i].events = targets[i].state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        waiting++;
    }
    return waiting;
}

void multi_connect_wait(struct connect_attempt *targets, size_t count, const struct patience *patience)
{
    struct pollfd *polled = calloc(count + 1, sizeof *polled);
    for (size_t i = 0; i < count; i++) {
        bool failed = !targets[i].conn || PQstatus(targets[i].conn) == CONNECTION_BAD;
        targets[i].state = failed ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    }
    while (polled && prepare(targets, count, polled) && !patience_is_stopped(patience)) {
        int64_t left_us = patience->deadline_us - clock_monotonic_us();
        int64_t slice_us = patience->stop ? SLICE_US : 60000000;
        if (left_us <= 0)
            break;
        poll(polled, (nfds_t)count, (int)((left_us < slice_us ? left_us : slice_us) / 1000) + 1);
        for (size_t i = 0; i < count; i++)
            if (polled[i].revents)
                targets[i].state = PQconnectPoll(targets[i].conn);
    }
    free(polled);
}

void multi_connect_all(struct connect_attempt *targets, size_t count, const struct patience *patience)
{
    for (size_t i = 0; i < count; i++)
        targets[i].conn = targets[i].conninfo ? connect_begin(targets[i].conninfo, NULL, "libdialogs") : NULL;
    multi_connect_wait(targets, count, patience);
}

void multi_connect_reason(const struct connect_attempt *target, char *text, size_t size)
{
    const char *why = "out of memory";
    if (target->conn)
        why = multi_connect_is_pending(target) ? "no answer in time" : PQerrorMessage(target->conn);
    snprintf(text, size, "%s", why);
    text[strcspn(text, "\n")] = '\0';
}

void multi_connect_close(struct connect_attempt *targets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        PQfinish(targets[i].conn);
}
