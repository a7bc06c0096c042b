/* multi_connect.h - connects to several servers at once, none of which may hold up the others. Blocks. */
#ifndef DIALOGS_MULTI_CONNECT_H
#define DIALOGS_MULTI_CONNECT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connect_attempt {
    const char *conninfo; /* of one host; NULL: there was no memory for it */
    PGconn *conn;         /* the connection, also when it failed: then it says why. NULL: out of memory */
    PostgresPollingStatusType state;
};

/* Tries all until each has succeeded or failed, or `deadline_us` (monotonic) has passed. */
void multi_connect_all(struct connect_attempt *targets, size_t count, int64_t deadline_us);

static inline bool multi_connect_succeeded(const struct connect_attempt *target)
{
    return target->conn && target->state == PGRES_POLLING_OK;
}

/* Why it failed, one line, in `text`. */
void multi_connect_reason(const struct connect_attempt *target, char *text, size_t size);

/* Closes all connections. */
void multi_connect_close(struct connect_attempt *targets, size_t count);

#endif
