/* client.h - settings, clients, asynchronous replies. <dialogs.h> explains the conventions. */
#ifndef DLG_CLIENT_H
#define DLG_CLIENT_H

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Settings ------------------------------------------------------------------------------------------- */

/*
 * Makes settings with all values at their defaults. A setting is a name and a value, both texts from one table:
 * bindings and command lines pass them through. docs/configuration.md lists the table.
 *
 * Returns NULL when out of memory. The caller frees the settings with dlg_settings_free().
 */
typedef struct dlg_settings dlg_settings;
DLG_API dlg_settings *dlg_settings_new(void);

/* Frees settings. NULL is fine. A client keeps a copy of its own. */
DLG_API void dlg_settings_free(dlg_settings *settings);

/*
 * Gives a setting another value.
 *
 *   name   a name of the table, such as "timeout_ms".
 *   value  its value as text: a decimal number, one of its words, or any text.
 *
 * Errors: DLG_E_ARGUMENT for an unknown name or a value out of range. The text names the setting and its range.
 */
DLG_API int dlg_settings_set(dlg_settings *settings, const char *name, const char *value, dlg_error **error);

/* Returns the value in force as text, or NULL for an unknown name. Valid until the next call with `settings`. */
DLG_API const char *dlg_settings_get(const dlg_settings *settings, const char *name);

/* An entry of the table of settings. Static. May grow. */
typedef struct dlg_setting {
    const char *name;
    const char *default_value; /* as text */
    const char *range;         /* "1 to 64", or its words joined by "|", or a description */
    const char *purpose;       /* one phrase */
} dlg_setting;

/* Returns how many settings there are. */
DLG_API size_t dlg_setting_count(void);

/* Returns entry `index` of the table of settings; NULL past the end. Static. */
DLG_API const dlg_setting *dlg_setting_at(size_t index);

/* ---- Client --------------------------------------------------------------------------------------------- */

/*
 * Opens a client: starts its I/O thread, connects, and brings the schema up to date.
 *
 *   client    receives the client, to be closed with dlg_close(). NULL after a failure.
 *   conninfo  what libpq accepts (PostgreSQL documentation, 34.1.1): keywords and values, or a URI. Several
 *             hosts, service files and TLS work as in libpq. `embedded:DIR` asks for a private server
 *             in directory DIR. It is created when missing, and one with other things in it is refused, as is
 *             "/" itself. All clients of DIR on this machine share the server,
 *             and it stops after the last one. A program that ends without dlg_close() leaves it
 *             running for the next client. libpq's environment variables do not lead to another server. But libpq
 *             gives PGTZ, PGDATESTYLE and PGGEQO to every server, and looks up PGSERVICE: with values that are no good
 *             the call fails at once, and leaves no server behind. NULL means "": libpq's environment variables.
 *             With several hosts (`host=a,b port=5432,5432`) the client uses the first one that takes messages, and
 *             all its sessions are at that host. It refuses standbys and read-only servers. When the host is lost,
 *             becomes read-only (PostgreSQL 14 or later says so) or answers too late, all sessions go to the next one.
 *             `target_session_attrs` may be `any`, `read-write` or `primary`; the others are DLG_E_ARGUMENT.
 *             docs/operations.md, section Failover, says what an acknowledgement is worth after a failover.
 *   settings  NULL for the defaults. Copied.
 *
 * Blocks up to the timeout of the thread, or else the setting `open_timeout_ms`. With `open=lazy` it returns at once,
 * whether the database is there or not. Requests then wait for the database within their own deadlines, and
 * dlg_schema_install() makes the tables.
 *
 * A server that will go on to refuse until an operator changes something is not waited for: a wrong password (SQLSTATE
 * class 28), no such database (3D000), a certificate that does not fit. The call, or any request while there is no other
 * connection, fails at once with DLG_E_UNAVAILABLE, the SQLSTATE and the reason. dlg_error_retriable() is 0. The client
 * goes on to try in the background. A database of another encoding than UTF8 fails in the same way with DLG_E_SCHEMA:
 * LATIN1 cannot store every text, and SQL_ASCII checks none.
 *
 * Errors: DLG_E_ARGUMENT (conninfo, the setting `token_key`), DLG_E_UNAVAILABLE (no connection in time), DLG_E_SCHEMA,
 * DLG_E_EMBEDDED, DLG_E_MEMORY.
 */
typedef struct dlg_client dlg_client;
DLG_API int dlg_open(dlg_client **client, const char *conninfo, const dlg_settings *settings, dlg_error **error);

/*
 * Ends the work of a client and keeps its memory. New requests are refused with DLG_E_CLOSED. Requests under way get
 * time to finish, and the rest is completed with DLG_E_CLOSED. Every callback has returned before dlg_shutdown()
 * returns. Threads that wait inside a call with the client are woken, and dlg_reply_fd() becomes readable and stays so.
 * dlg_schema_install(), loads, dumps and restores of other threads are such calls. They get the same time, and then end
 * with DLG_E_CLOSED within seconds, whether the server answers or not. What they had not committed is undone.
 * After that every call with the client returns at once: DLG_E_CLOSED or NULL. dlg_reply_poll() and dlg_reply_next()
 * still hand out the replies that were in the queue. dlg_stats_get() and dlg_connection_state_get() still answer.
 *
 *   undelivered  NULL, or receives how many requests were completed with DLG_E_CLOSED since the client was opened.
 *   timeout_us   the time for requests under way. 0: the setting `close_timeout_ms`. Negative: without limit.
 *
 * Any thread, also while others are inside calls with the client, and several at once. A second call changes nothing;
 * with a shorter time it ends the first one sooner. Blocks. Errors: DLG_E_ARGUMENT (`client` is NULL), DLG_E_FORKED,
 * and DLG_E_STATE on the client's own I/O thread and inside its progress callbacks. The client stays open then.
 */
DLG_API int dlg_shutdown(size_t *undelivered, dlg_client *client, int64_t timeout_us);

/*
 * Does what dlg_shutdown() does and frees the client. Replies that nobody took from the queue are freed.
 *
 * It must be the last call with the client. No other thread may be inside a call with it or begin one. A program whose
 * threads use a client in loops calls dlg_shutdown(), joins these threads, and then calls dlg_close(). Iterators and
 * loaders of the client are freed before.
 *
 *   undelivered  NULL, or receives how many requests were completed with DLG_E_CLOSED.
 *   client       NULL is fine.
 *   timeout_us   as for dlg_shutdown(). It does not matter after a dlg_shutdown().
 *
 * Blocks. Errors: DLG_E_STATE on the client's own I/O thread and inside its progress callbacks. The client
 * stays open then.
 *
 * In some languages a callback has to wait for one thread of theirs, such as the main thread of Node. That thread must
 * not call dlg_shutdown() or dlg_close() while such a callback may come: each would wait for the other. Such a program
 * uses the reply queue (callback NULL), or closes on another thread.
 */
DLG_API int dlg_close(size_t *undelivered, dlg_client *client, int64_t timeout_us);

/* Closes a client as dlg_close() does, but gives requests under way no time to finish. */
DLG_API int dlg_close_now(size_t *undelivered, dlg_client *client);

/* Returns 1 when a request that is made now has a live connection to go to, else 0. */
DLG_API int dlg_ready(dlg_client *client);

/*
 * Creates the tables or upgrades them (directory sql/, compiled in) under an advisory lock. Any number of processes
 * may do so at the same time. Each step is one transaction, so an interrupted upgrade can be run again.
 * A `dialogs` table of the classic shape is adopted with its rows. Tables of a later version are refused.
 * dlg_open() does the same unless the setting `schema` says `check` or `none`.
 *
 *   version  NULL, or receives the schema's version after the call.
 *
 * Blocks up to the timeout of the thread, or else the setting `open_timeout_ms`. Errors: DLG_E_SCHEMA,
 * DLG_E_UNAVAILABLE, DLG_E_TIMEOUT, DLG_E_CLOSED (by dlg_shutdown(); it may be run again).
 */
DLG_API int dlg_schema_install(int *version, dlg_client *client, dlg_error **error);

/*
 * Gives the calling thread a timeout for the calls that it makes from now on, with any client. It serves calls that have
 * no `timeout_us` of their own, and those that are given 0 there. The calls of other threads keep theirs. An asynchronous
 * call takes it when it is started.
 *
 * What it limits:
 *   requests                    the whole call, in place of the setting `timeout_ms`. Messages, lists, users,
 *                               passwords and tokens are requests.
 *   dlg_open(),                 the whole call, in place of `open_timeout_ms`.
 *   dlg_schema_install()
 *   dlg_cluster_...             the whole call. Without it they have no limit.
 *   dlg_loader_open()           the whole call, in place of `timeout_ms`.
 *   other calls of a loader,    each silence of the database: a time in which it neither takes nor sends a byte. In
 *   dlg_dump(), dlg_restore()   place of `bulk_timeout_ms`. A file, a pipe or a program at the other end may take any
 *                               time: the progress function ends that wait.
 *
 * The call fails with DLG_E_TIMEOUT then. dlg_reply_next(), dlg_shutdown() and dlg_close() do not ask the database, and
 * take no notice of it.
 *
 *   timeout_us  microseconds. 0: none, so that the client's defaults count, as in a new thread. Negative: no limit.
 *
 * Returns the timeout that was in force before, to be given back. Does not block.
 */
DLG_API int64_t dlg_thread_timeout(int64_t timeout_us);

#define DLG_BATCH_SIZES 15 /* entries of dlg_stats.batch_sizes */

/* Counters of a client since it was opened. */
typedef struct dlg_stats {
    uint32_t version;
    uint32_t queued; /* requests accepted and not completed, now */
    uint64_t queued_bytes;
    uint64_t requests; /* accepted */
    uint64_t completed;
    uint64_t failed;  /* of those completed, with an error */
    uint64_t sends;   /* messages acknowledged */
    uint64_t batches; /* commits that carried them */
    uint64_t retries; /* statements that were run again */
    uint64_t reconnects;
    uint64_t overloads;   /* requests refused because a queue was full */
    uint32_t connections; /* live, now */
    uint32_t hash_queued; /* password checks waiting or running, now */
    uint64_t routed;      /* on a cluster: statements sent straight to the worker that owns the shard */
    uint64_t fallback;    /* ... and through the coordinator, because that worker could not be reached */
    uint64_t stale;       /* times that the map of shards was found to be old */
    /* Since version 2: */
    uint64_t batched;                      /* messages in all batches, counted again when sent again */
    uint64_t batch_sizes[DLG_BATCH_SIZES]; /* batches by size: [i] counts those of up to 2^i messages and more than
                                              2^(i-1). The last entry counts all that are larger. */
    /* Since version 3: */
    uint64_t untaken; /* replies that wait in the queue, now */
    uint64_t untaken_bytes;
} dlg_stats;
#define DLG_STATS_VERSION 3
#define DLG_STATS_INIT {DLG_STATS_VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0}

/*
 * Initialises `stats` as DLG_STATS_INIT does.
 *
 *   version  DLG_STATS_VERSION of the header that the program was built with.
 *
 * Errors: DLG_E_ARGUMENT for a version that the library does not know.
 */
DLG_API int dlg_stats_init(dlg_stats *stats, uint32_t version);

/*
 * Reads the counters of a client.
 *
 *   stats  DLG_STATS_INIT; receives the counters that its version has.
 *
 * Errors: DLG_E_ARGUMENT (an unknown version), DLG_E_FORKED.
 */
DLG_API int dlg_stats_get(dlg_stats *stats, dlg_client *client);

/* ---- Asynchronous calls --------------------------------------------------------------------------------- */

/*
 * The answer to an asynchronous call. A call X_async starts what X does and returns without waiting. DLG_OK says
 * that the request was accepted: then there is exactly one reply, whatever happens. Any other code says why the
 * request was refused, and there is no reply. A full queue makes it return DLG_E_OVERLOAD at once, while X waits for
 * room until its deadline.
 *
 * With a callback, the library hands the reply to it on the I/O thread. With callback NULL the reply goes to the
 * client's reply queue, for an event loop: dlg_reply_fd() becomes readable, and dlg_reply_poll() takes one reply.
 * Replies that nobody takes count against the bounds `queue_requests` and `queue_bytes`, as requests do.
 * Either way the receiver owns the reply. It may free it on any thread, also after dlg_close().
 */
typedef struct dlg_reply dlg_reply;

/*
 * Receives a reply on the client's I/O thread. It may start asynchronous calls and must not block: the client serves
 * nobody else meanwhile, and the deadlines of other requests pass. A callback that takes 0.1 s or longer is a warning in
 * the log (dlg_settings_log()). It must return: no C++ exception and no longjmp() may leave it.
 *
 *   reply    the callee's, to be freed with dlg_reply_free().
 *   payload  as given with the call.
 */
typedef void (*dlg_callback)(dlg_reply *reply, void *payload);

/*
 * Gives up asynchronous calls, named by their payload. Each one that is not done completes with DLG_E_CANCELLED soon
 * after. Its reply comes as always, once, to the callback or into the queue. dlg_error_fate() tells what is known of a
 * write. A call that is done already, or a payload that no call has, is no error.
 *
 *   payload  as given with the calls; not NULL. Give each call a payload of its own to cancel it alone.
 *
 * It does not end the administration of a cluster, which its progress function stops. Any thread, callbacks too.
 * Does not block. Errors: DLG_E_ARGUMENT, DLG_E_FORKED, DLG_E_CLOSED, DLG_E_MEMORY, DLG_E_OVERLOAD (`queue_requests`
 * cancellations are waiting).
 */
DLG_API int dlg_cancel(dlg_client *client, const void *payload, dlg_error **error);

/* Returns DLG_OK or the DLG_E_* code of the request. */
DLG_API int dlg_reply_code(const dlg_reply *reply);

/* Returns the detail of a failure, borrowed from the reply; NULL when the code is DLG_OK. */
DLG_API const dlg_error *dlg_reply_error(const dlg_reply *reply);

/* Returns the payload that was given with the call. */
DLG_API void *dlg_reply_payload(const dlg_reply *reply);

/* Frees a reply and what was borrowed from it. NULL is fine. */
DLG_API void dlg_reply_free(dlg_reply *reply);

/*
 * Returns a file descriptor that is readable while replies wait in the queue. It is for poll(), epoll, select()
 * and asyncio only: do not read from it. With EPOLLET there is one edge for all replies that come before the queue was
 * empty: after each edge call dlg_reply_poll() until it returns NULL. The client owns it, and dlg_close() closes it.
 * After dlg_shutdown() it stays readable: stop watching it when dlg_reply_poll() returns NULL then. -1 when `client`
 * cannot be used.
 */
DLG_API int dlg_reply_fd(dlg_client *client);

/* Takes the oldest reply from the queue without waiting. NULL when there is none. */
DLG_API dlg_reply *dlg_reply_poll(dlg_client *client);

/*
 * Takes the oldest reply from the queue and waits for one when there is none.
 *
 *   timeout_us  how long to wait. 0: the setting `timeout_ms`. Negative: without limit.
 *
 * Blocks; inside a callback it does not wait. Returns NULL when no reply came in time, or when the queue is empty after
 * dlg_shutdown(). A loop with a negative timeout ends at the first NULL.
 */
DLG_API dlg_reply *dlg_reply_next(dlg_client *client, int64_t timeout_us);

#ifdef __cplusplus
}
#endif

#endif
