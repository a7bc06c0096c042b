/* timeout.h - how long a call may take: by its own timeout, or else the thread's, or else the client's setting. */
#ifndef DIALOGS_TIMEOUT_H
#define DIALOGS_TIMEOUT_H

#include <stdint.h>

/*
 * The timeout that counts, in microseconds: the first of `timeout_us`, that of dlg_thread_timeout(), and `setting_us`
 * that is not 0. For clock_deadline().
 */
int64_t timeout_choose(int64_t timeout_us, int64_t setting_us);

#endif
