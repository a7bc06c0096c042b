/* template.h - a fresh data directory for a test server, copied from one that initdb made once. */
#ifndef TEST_TEMPLATE_H
#define TEST_TEMPLATE_H

#include "embedded/postgres.h"

#include <stdbool.h>

/*
 * Copies fresh data to `data`, which must not be there yet, in a directory of this account. The
 * original is kept in the build tree, or in the temporary directory when that is not ours.
 */
bool template_copy(const struct postgres *postgres, const struct account *account, const char *data);

/* Runs a program with the time limit of the tests; says why on the error stream when it fails. */
bool template_run(const char *const *arguments, const struct account *account);

#endif
