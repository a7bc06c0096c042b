/*
 * multi_connect.h - how connections are made: the parameters of each, and the wait for several at once, none of which
 * may hold up the others.
 */
#ifndef DIALOGS_MULTI_CONNECT_H
#define DIALOGS_MULTI_CONNECT_H

#include "pg/host_list.h"
#include "pg/patience.h"

#include <stdint.h>

/*
 * Begins a connection that does not block, with the library's own parameters.
 *
 *   hosts  NULL, or the hosts of a conninfo that may name several: the current one is taken.
 *   name   what pg_stat_activity shows, unless the conninfo has a name of its own.
 *
 * The connection may have failed already: PQstatus() tells. NULL when out of memory.
 */
PGconn *connect_begin(const char *conninfo, struct host_list *hosts, const char *name);

/*
 * For a connection that is up: what the server's kernel has not acknowledged for `timeout_ms` ends it, and is not sent
 * any more, unless the conninfo or its service has another limit. Without one the kernel goes on for a
 * quarter of an hour: a message whose sender was told long ago that it failed would still arrive.
 */
void connect_limit(PGconn *conn, int64_t timeout_ms);

struct connect_attempt {
    const char *conninfo; /* of one host; NULL: there was no memory for it */
    PGconn *conn;         /* the connection, also when it failed: then it says why. NULL: out of memory */
    PostgresPollingStatusType state;
};

/* Waits for connections that were begun, until each has succeeded or failed, the deadline has passed or the stop came.
 */
void multi_connect_wait(struct connect_attempt *targets, size_t count, const struct patience *patience);

/* Begins all and waits for them. */
void multi_connect_all(struct connect_attempt *targets, size_t count, const struct patience *patience);

static inline bool multi_connect_succeeded(const struct connect_attempt *target)
{
    return target->conn && target->state == PGRES_POLLING_OK;
}

/* Whether it has neither succeeded nor failed. */
static inline bool multi_connect_is_pending(const struct connect_attempt *target)
{
    return target->state == PGRES_POLLING_READING || target->state == PGRES_POLLING_WRITING;
}

/* Why it failed, one line, in `text`. */
void multi_connect_reason(const struct connect_attempt *target, char *text, size_t size);

/* Closes all connections. */
void multi_connect_close(struct connect_attempt *targets, size_t count);

#endif
