/* citus.h - what must be known of Citus itself: its versions and the texts of its errors. */
#ifndef DIALOGS_CITUS_H
#define DIALOGS_CITUS_H

#include "base/error.h"

/*
 * Whether this server caches the local plans of generic plans, from the text of citus_version(). Where it does not,
 * each execution of a generic plan leaks memory (citusdata/citus#8824), and custom plans are the cure.
 */
bool citus_caches_plans(const char *version);

/* Whether the error says that a shard is no longer where the statement went: the same one works elsewhere. */
bool citus_error_is_stale(const dlg_error *error);

#endif
