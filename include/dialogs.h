/*
 * dialogs.h - one-to-one dialogs between users, kept in PostgreSQL, sharded by Citus.
 *
 * This file and those that it includes are the reference of the library: C programs include it, the
 * Python bindings are generated from it, the HTTP service uses nothing else.
 *
 * Conventions
 *   Results    Functions that can fail return DLG_OK (0) or a negative DLG_E_* code. Their last
 *              parameter is `dlg_error **error`: NULL, or the address of a pointer that is NULL;
 *              on failure it receives the detail, to be freed with dlg_error_free().
 *   Ownership  A `const` pointer handed out is borrowed from the object it was asked of. What a
 *              `**` parameter receives is the caller's, with its own free function.
 *   Time       Microseconds since 1970-01-01 00:00 UTC (`..._us`); durations in microseconds.
 *              A timeout of 0 means the client's `timeout_ms` setting.
 *   Text       UTF-8 without NUL. A length of DLG_NTS means "terminated by NUL".
 *   Threads    A client may be used by any number of threads. Every other object belongs to one
 *              thread at a time. Callbacks run on the client's I/O thread with no lock held: they
 *              may start asynchronous calls; blocking calls answer DLG_E_STATE there. Calls are no
 *              cancellation points: a thread that is cancelled (pthread_cancel) ends after them.
 *   Fork       A client does not survive fork(): in the child every call answers DLG_E_FORKED,
 *              and dlg_close() only frees memory.
 *   Structs    Those that a caller fills begin with `version` and have a ..._INIT value. Those
 *              that the library hands out may grow at their end in later versions.
 *   Since      0.1 unless a comment says otherwise.
 */
#ifndef DIALOGS_H
#define DIALOGS_H

#include "dialogs/base.h"
#include "dialogs/error.h"
#include "dialogs/client.h"
#include "dialogs/messages.h"
#include "dialogs/users.h"
#include "dialogs/bulk.h"
#include "dialogs/cluster.h"

/* SWIG does not follow #include. */
#ifdef SWIG
%include <stdint.i>
%include "dialogs/base.h"
%include "dialogs/error.h"
%include "dialogs/client.h"
%include "dialogs/messages.h"
%include "dialogs/users.h"
%include "dialogs/bulk.h"
%include "dialogs/cluster.h"
#endif

#endif
