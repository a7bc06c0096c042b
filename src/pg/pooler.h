/*
 * pooler.h - tells a pooler (pgbouncer) that lends the server's sessions by the transaction. Prepared statements do not
 * survive that. A pooler greets with a process number of its own making, so that it shows itself; its mode it does not
 * show, but sessions that come and go do.
 */
#ifndef DIALOGS_POOLER_H
#define DIALOGS_POOLER_H

#include "base/error.h"
#include "base/settings.h"
#include "pg/patience.h"

#include <libpq-fe.h>

/* DLG_E_STATE: what is wrong and what to do; `why`, or NULL, is what the server said. */
dlg_error *pooler_error(const dlg_error *why);

/*
 * Whether the session of `conn` stays the same, also while another holds one. DLG_OK where there is no pooler. Blocks
 * as long as `patience` lasts.
 */
int pooler_check(PGconn *conn, const char *conninfo, const dlg_settings *settings, const struct patience *patience,
                 dlg_error **error);

#endif
