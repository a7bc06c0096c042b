/* backoff.h - the pause before something that failed is tried again. */
#ifndef DIALOGS_BACKOFF_H
#define DIALOGS_BACKOFF_H

#include <stdint.h>

/* The pauses before a statement, a batch of a load, or a blocking connection is tried again. */
enum { BACKOFF_LEAST_US = 20000, BACKOFF_MOST_US = 1280000 };

/*
 * The pause after so many failures, microseconds: `least_us`, doubled with each further one up to `most_us`; half of it
 * is random, so that clients that failed together do not come back together. 0 failures: no pause.
 */
int64_t backoff_us(unsigned failures, int64_t least_us, int64_t most_us);

#endif
