/* lock.h - flock() with a deadline. */
#ifndef DIALOGS_LOCK_H
#define DIALOGS_LOCK_H

#include <dialogs.h>
#include <stdbool.h>

/*
 * Opens a lock file in a directory, making it (0600, the directory's owner's) when missing.
 * -1 and errno on failure.
 */
int lock_open(int directory, const char *name);

/* LOCK_SH or LOCK_EX, waiting for it until the deadline. */
bool lock_take(int lock, int operation, int64_t deadline_us);

/* Whether anybody holds it; not for a lock that we hold. */
bool lock_held(int lock);

/* Unlocks, also when a forked child has a copy of the descriptor; -1 is fine. */
void lock_release(int lock);

/* How long a loop sleeps that waits for another process, 10 ms. */
void lock_pause(void);

#endif
