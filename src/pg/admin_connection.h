/*
 * admin_connection.h - a blocking connection of one's own, for administrative work and for streams of rows:
 * things that would hold up the I/O thread. Belongs to the thread that opened it.
 */
#ifndef DIALOGS_ADMIN_CONNECTION_H
#define DIALOGS_ADMIN_CONNECTION_H

#include "base/error.h"
#include "base/settings.h"
#include "pg/patience.h"

#include <libpq-fe.h>

/*
 * Connects, trying again while the server cannot be reached or is starting, until the deadline or the stop. A refusal
 * that will not change (a wrong password, no such database) ends it at once. NULL on failure.
 */
PGconn *admin_connection_open(const char *conninfo, const dlg_settings *settings, const struct patience *patience,
                              dlg_error **error);

/* Runs SQL (several statements too); cancels it when the waiting ends early. NULL on failure; else PQclear(). */
PGresult *admin_connection_run(PGconn *conn, const char *sql, const struct patience *patience, dlg_error **error);

/*
 * Runs one statement with parameters, as text. When the waiting ends early, the statement is cancelled; should it
 * have been done nevertheless, that is a success. NULL on failure, after which the connection may be unusable.
 */
PGresult *admin_connection_query(PGconn *conn, const char *sql, int count, const char *const *values,
                                 const struct patience *patience, dlg_error **error);

#endif
