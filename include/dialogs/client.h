/* client.h - settings, clients, and asynchronous calls. The conventions are in <dialogs.h>. */
#ifndef DLG_CLIENT_H
#define DLG_CLIENT_H

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Settings ------------------------------------------------------------------------------- */

/*
 * Settings of a client: names and values as text, from one table, so that bindings and command
 * lines pass them through. docs/configuration.md lists them; so does dlg_setting_describe().
 */
typedef struct dlg_settings dlg_settings;

DLG_API dlg_settings *dlg_settings_new(void); /* all defaults; NULL when out of memory */
DLG_API void dlg_settings_free(dlg_settings *settings);

/* DLG_E_ARGUMENT, naming the setting and its range, when name or value is not acceptable. */
DLG_API int dlg_settings_set(dlg_settings *settings, const char *name, const char *value, dlg_error **error);

/* The value in force as text, or NULL for an unknown name; valid until the next call of set or free. */
DLG_API const char *dlg_settings_get(const dlg_settings *settings, const char *name);

/*
 * The table itself: entry `index` from 0 on. Any out parameter may be NULL; all texts are static.
 * Returns 1, or 0 past the end.
 */
DLG_API int dlg_setting_describe(size_t index, const char **name, const char **default_value, const char **range,
                                 const char **purpose);

/* ---- Client --------------------------------------------------------------------------------- */

typedef struct dlg_client dlg_client;

/*
 * Opens a client: starts its I/O thread, connects, and brings the schema up to date.
 *
 *   client    receives the client.
 *   conninfo  what libpq accepts (PostgreSQL documentation, 34.1.1: keyword/value or URI, several
 *             hosts, service files, TLS), or `embedded:DIR` for a private server in directory DIR,
 *             which is created when missing, shared by all clients of DIR on this machine, and
 *             stopped after the last one (a program that ends without dlg_close() leaves it to the
 *             next). NULL means "" (libpq's environment variables).
 *   settings  NULL for the defaults; copied.
 *
 * Blocks up to the setting `open_timeout_ms`. With `open=lazy` it returns at once, whether the
 * database is there or not: requests wait for it within their own deadlines, and the tables are left
 * to dlg_schema_install().
 * Errors: DLG_E_ARGUMENT (conninfo), DLG_E_UNAVAILABLE (no connection in time), DLG_E_SCHEMA,
 * DLG_E_EMBEDDED, DLG_E_MEMORY.
 */
DLG_API int dlg_open(dlg_client **client, const char *conninfo, const dlg_settings *settings, dlg_error **error);

/*
 * Closes a client: refuses new requests, gives those under way up to `timeout_us` (0: the setting
 * `close_timeout_ms`; negative: no time at all) to finish, completes the rest with DLG_E_CLOSED,
 * and frees everything. Every callback has returned before dlg_close() does. Replies that nobody
 * took from the queue are freed.
 *
 *   undelivered  NULL, or receives how many requests were completed with DLG_E_CLOSED.
 *
 * Returns DLG_E_STATE, and does nothing, on the client's own I/O thread and inside its progress callbacks.
 * `client` NULL is fine.
 */
DLG_API int dlg_close(dlg_client *client, int64_t timeout_us, size_t *undelivered);

/* Whether a request made now has a live connection to go to: 1 or 0. Never blocks. */
DLG_API int dlg_ready(dlg_client *client);

/*
 * Creates or upgrades the tables (sql/, compiled in), under an advisory lock, so that any number
 * of processes may do it at once; adopts an existing `dialogs` table of the classic shape with its
 * rows. dlg_open() does this unless the setting `schema` says `check` or `none`.
 *
 *   version  NULL, or receives the schema's version after the call.
 *
 * Blocks. Errors: DLG_E_SCHEMA, DLG_E_UNAVAILABLE, DLG_E_TIMEOUT.
 */
DLG_API int dlg_schema_install(dlg_client *client, int *version, dlg_error **error);

#define DLG_BATCH_SIZES 15

/* Counters of a client since it was opened. Set `version` with DLG_STATS_INIT: what that version has is filled. */
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
    uint64_t batched;                      /* messages in all batches, again when they were sent again */
    uint64_t batch_sizes[DLG_BATCH_SIZES]; /* batches by size: [i] of up to 2^i messages, but more than 2^(i-1); the
                                              last of any more */
} dlg_stats;
#define DLG_STATS_VERSION 2
#define DLG_STATS_INIT                                                     \
    {                                                                      \
        DLG_STATS_VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
        {                                                                  \
            0                                                              \
        }                                                                  \
    }

DLG_API int dlg_stats_get(dlg_client *client, dlg_stats *stats);

/* ---- Asynchronous calls --------------------------------------------------------------------- */

/*
 * Every operation X has a call X_async. It returns DLG_OK when the request was accepted: then
 * there is exactly one reply, whatever happens. Otherwise it says why not, and there is none.
 * A full queue answers DLG_E_OVERLOAD at once (blocking calls wait for room until their deadline).
 *
 * With a callback, the reply is handed to it on the I/O thread. With callback NULL, the reply goes
 * to the client's reply queue, for an event loop: dlg_reply_fd() becomes readable, dlg_reply_next()
 * takes them. Either way the reply is the receiver's, to be freed with dlg_reply_free(), on any
 * thread, also after dlg_close().
 */
typedef struct dlg_reply dlg_reply;
typedef void (*dlg_callback)(dlg_reply *reply, void *payload);

DLG_API int dlg_reply_code(const dlg_reply *reply);               /* DLG_OK or DLG_E_* */
DLG_API const dlg_error *dlg_reply_error(const dlg_reply *reply); /* NULL when DLG_OK; borrowed */
DLG_API void *dlg_reply_payload(const dlg_reply *reply);          /* as given with the call */
DLG_API void dlg_reply_free(dlg_reply *reply);                    /* NULL is fine */

/*
 * A file descriptor, readable while replies wait in the queue. For poll, epoll, select and asyncio
 * only: do not read it. It is the client's and closed with it.
 */
DLG_API int dlg_reply_fd(dlg_client *client);

/*
 * Takes the oldest reply from the queue, waiting up to `timeout_us` for one (0: not at all;
 * negative: without limit). NULL when there is none, or when the client is closed meanwhile.
 */
DLG_API dlg_reply *dlg_reply_next(dlg_client *client, int64_t timeout_us);

#ifdef __cplusplus
}
#endif

#endif
