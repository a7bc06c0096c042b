/* migrating.h - what the tests of migrations share: databases of older versions, and ways to bring them up to date. */
#ifndef TEST_MIGRATING_H
#define TEST_MIGRATING_H

#include "fixture.h"

#include "base/sql.h"

enum { CLASSIC = -1, MIGRATING_ROWS = 30 };

/*
 * Makes the database one of this version: CLASSIC is the table without the library's columns and index, 0 is empty. But
 * for 0 the table has MIGRATING_ROWS rows. How to connect to it as a superuser.
 */
const char *migrating_make(struct fixture *fixture, int version);

/* Applies the first `count` of the steps on a connection of its own. */
int migrating_apply(const char *conninfo, const struct sql_migration *steps, int count, int timeout_ms,
                    dlg_error **error);

/* What migrating_apply() does with the library's migrations, in another process; it prints the error, if any. */
pid_t migrating_start(const char *conninfo, int count, int *output);
int migrating_main(char **argv); /* what that process runs */

/* The rows are there, and the tables look like those that are made from nothing. */
void migrating_assert_newest(struct fixture *fixture, int rows);

#endif
