/*
 * session.h - a blocking connection of one's own, for administrative work and for streams of rows:
 * things that would hold up the I/O thread. Belongs to the thread that opened it.
 */
#ifndef DIALOGS_SESSION_H
#define DIALOGS_SESSION_H

#include "error.h"
#include "settings.h"

#include <libpq-fe.h>

/*
 * Connects, trying again until `deadline_us` (monotonic) while the server cannot be reached or is starting;
 * a refusal that will not change (a wrong password, no such database) ends it at once. NULL on failure.
 */
PGconn *session_open(const char *conninfo, const dlg_settings *settings, int64_t deadline_us, dlg_error **error);

/* Runs SQL (several statements too), waiting until `deadline_us`; cancels it then. NULL on failure; else PQclear(). */
PGresult *session_run(PGconn *conn, const char *sql, int64_t deadline_us, dlg_error **error);

#endif
