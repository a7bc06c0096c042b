/* schema.h - the tables: whether they are there, and making them so. */
#ifndef DIALOGS_SCHEMA_H
#define DIALOGS_SCHEMA_H

#include "pg/admin_connection.h"

/*
 * Makes the tables, or brings them to the version of this library; with `feed`, also makes the indexes of feeds where
 * they are missing. `version`: NULL, or receives it.
 */
int schema_install(PGconn *conn, bool feed, const struct patience *patience, int *version, dlg_error **error);

/* DLG_E_SCHEMA unless the tables are of this library's version and, with `feed`, have the indexes of feeds. */
int schema_check(PGconn *conn, bool feed, const struct patience *patience, int *version, dlg_error **error);

#endif
