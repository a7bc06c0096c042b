/*
 * dialogs.h - one-to-one dialogs between users, kept in PostgreSQL, sharded by Citus.
 *
 * This header includes the eight below. Together they are the reference of the library. C programs include
 * them, SWIG makes the Python package from them, and the HTTP service uses nothing else.
 *
 * Conventions
 *   Order      Out parameters come first. The client, or another object, follows. Then come the inputs, the
 *              options, the callback and its payload. `dlg_error **error` is last.
 *   Results    A function that can fail returns DLG_OK (0) or a negative DLG_E_* code. `error` is NULL or the
 *              address of a pointer that is NULL. On failure the pointer receives the detail, to be freed with
 *              dlg_error_free(). Out parameters are written on success only, unless a comment says otherwise.
 *   Requests   Each call that asks the database may also fail with DLG_E_ARGUMENT, DLG_E_MEMORY, DLG_E_STATE
 *              (a blocking call inside a callback), DLG_E_FORKED, DLG_E_CLOSED, DLG_E_OVERLOAD (a queue is full),
 *              DLG_E_TIMEOUT, DLG_E_UNAVAILABLE or DLG_E_DATABASE. Comments name the other codes of a call.
 *   Ownership  A `const` pointer that a function returns is borrowed from the object that it was asked of. It is
 *              valid until that object is freed. The caller owns what a `**` parameter receives. Each type
 *              has a function that frees it, and that function accepts NULL.
 *   Time       A moment (`..._us`) is in microseconds since 1970-01-01 00:00 UTC. A duration is in
 *              microseconds too.
 *   Timeouts   Each call that asks the database has one: its own `timeout_us`, where it has that parameter. 0 there,
 *              or a call without it, means the timeout of the calling thread: dlg_thread_timeout(). Where that is 0
 *              too, the client's default counts: for requests the setting `timeout_ms`. A negative timeout means no
 *              limit, as for poll(). A call that does not wait at all has a name of its own: dlg_reply_poll(),
 *              dlg_close_now().
 *   Text       UTF-8 without NUL. A length counts bytes. DLG_NTS as a length means "terminated by NUL".
 *   Lists      `..._count` says how many entries there are. `..._at` returns entry `index`, from 0 on, and NULL
 *              past the end.
 *   Threads    A client may be used by any number of threads. Every other object belongs to one thread at a
 *              time. Callbacks run on the client's I/O thread with no lock held. They may start asynchronous
 *              calls. A blocking call returns DLG_E_STATE there. No call is a cancellation point: a
 *              thread that is cancelled (pthread_cancel) ends after the call.
 *   Blocking   A call that has an `..._async` twin blocks until the answer is there. The other calls do not
 *              block, unless a comment says otherwise.
 *   Fork       A client does not survive fork(). In the child every call returns DLG_E_FORKED, and dlg_close()
 *              only frees memory and closes the child's copies of sockets. Copies of connections that are being made
 *              at the moment of fork(), and those of loaders, stay with the child: the server keeps such a session
 *              until the child ends or calls exec(). All descriptors are close-on-exec. A program that forks without
 *              exec() opens its clients afterwards.
 *   Structs    A struct that the caller owns begins with `version`. Initialise it with its DLG_..._INIT
 *              macro, or with its dlg_..._init() function where macros cannot be used. The library reads
 *              and writes only the members that this version has. A struct that the library owns may
 *              grow at its end: use it by pointer, do not copy it.
 *   Stability  Until 1.0, API and ABI are stable within 0.x.y: a program that was built for 0.1.0 runs with
 *              every 0.1.y.
 *   Since      0.1 unless a comment says otherwise.
 */
#ifndef DIALOGS_H
#define DIALOGS_H

#include "dialogs/base.h"
#include "dialogs/error.h"
#include "dialogs/client.h"
#include "dialogs/diagnostics.h"
#include "dialogs/messages.h"
#include "dialogs/users.h"
#include "dialogs/bulk.h"
#include "dialogs/cluster.h"

/* SWIG does not follow #include, and warns of texts that a program sets in a struct. */
#ifdef SWIG
#pragma SWIG nowarn=451
%include <stdint.i>
%include "dialogs/base.h"
%include "dialogs/error.h"
%include "dialogs/client.h"
%include "dialogs/diagnostics.h"
%include "dialogs/messages.h"
%include "dialogs/users.h"
%include "dialogs/bulk.h"
%include "dialogs/cluster.h"
#endif

#endif
