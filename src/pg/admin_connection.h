/*
 * admin_connection.h - a blocking connection of one's own, for administrative work and for streams of rows:
 * things that would hold up the I/O thread. Belongs to the thread that opened it.
 */
#ifndef DIALOGS_ADMIN_CONNECTION_H
#define DIALOGS_ADMIN_CONNECTION_H

#include "base/error.h"
#include "base/settings.h"

#include <libpq-fe.h>
#include <stdatomic.h>

/* How long to wait for the server, and what ends it sooner. */
struct admin_patience {
    int64_t deadline_us;      /* monotonic: DLG_E_TIMEOUT; INT64_MAX: none */
    const _Atomic bool *stop; /* becomes true: DLG_E_CLOSED; or NULL */
    /* Called a few times a second when not NULL; any code but DLG_OK, with its error, ends the waiting. */
    int (*tick)(void *payload, dlg_error **error);
    void *payload;
};

/*
 * Connects, trying again until `deadline_us` (monotonic) while the server cannot be reached or is starting;
 * a refusal that will not change (a wrong password, no such database) ends it at once. NULL on failure.
 */
PGconn *admin_connection_open(const char *conninfo, const dlg_settings *settings, int64_t deadline_us,
                              dlg_error **error);

/* Runs SQL (several statements too), waiting until `deadline_us`; cancels it then. NULL on failure; else PQclear(). */
PGresult *admin_connection_run(PGconn *conn, const char *sql, int64_t deadline_us, dlg_error **error);

/*
 * Runs one statement with parameters, as text. When the waiting ends early, the statement is cancelled; should it
 * have been done nevertheless, that is a success. NULL on failure, after which the connection may be unusable.
 */
PGresult *admin_connection_query(PGconn *conn, const char *sql, int count, const char *const *values,
                                 const struct admin_patience *patience, dlg_error **error);

#endif
