/* migrations.h - brings the tables to a later version, one migration after the other, under a lock. */
#ifndef DIALOGS_MIGRATIONS_H
#define DIALOGS_MIGRATIONS_H

#include "base/sql.h"
#include "pg/admin_connection.h"

/* The version that the tables are of; 0: they are not there. */
int migrations_version(PGconn *conn, const struct patience *patience, int *version, dlg_error **error);

/*
 * Applies those of `steps` that the tables lack. Each step and its row in public.dlg_schema are one transaction, so
 * that an interrupted migration can be run again. Any number of processes may do this at once: one of them works, the
 * others wait. DLG_E_SCHEMA: the tables are of a version greater than `count`, or the server refuses a step.
 */
int migrations_apply(PGconn *conn, const struct sql_migration *steps, int count, const struct patience *patience,
                     dlg_error **error);

/* Runs a script that is no migration under the same lock. It must be harmless to run it twice. */
int migrations_run_script(PGconn *conn, const struct sql_migration *script, const struct patience *patience,
                          dlg_error **error);

/* The error for tables of a later version than `known`. */
int migrations_refuse(int version, int known, dlg_error **error);

#endif
