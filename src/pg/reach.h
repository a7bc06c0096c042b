/* reach.h - connects to several servers at once, none of which may hold up the others. Blocks. */
#ifndef DIALOGS_REACH_H
#define DIALOGS_REACH_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reach {
    const char *conninfo; /* of one host; NULL: there was no memory for it */
    PGconn *conn;         /* the connection, also when it failed: then it says why. NULL: out of memory */
    PostgresPollingStatusType state;
};

/* Tries all until each has succeeded or failed, or `deadline_us` (monotonic) has passed. */
void reach_all(struct reach *targets, size_t count, int64_t deadline_us);

static inline bool reach_succeeded(const struct reach *target)
{
    return target->conn && target->state == PGRES_POLLING_OK;
}

/* Why it failed, one line, in `text`. */
void reach_reason(const struct reach *target, char *text, size_t size);

/* Closes all connections. */
void reach_close(struct reach *targets, size_t count);

#endif
