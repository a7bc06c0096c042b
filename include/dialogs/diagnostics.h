/* diagnostics.h - what a client does, told to its program. <dialogs.h> explains the conventions. */
#ifndef DLG_DIAGNOSTICS_H
#define DLG_DIAGNOSTICS_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The log -------------------------------------------------------------------------------------------- */

/* How much a line of the log matters. */
typedef enum dlg_log_level {
    DLG_LOG_LEVEL_OFF = 0,
    DLG_LOG_LEVEL_ERROR = 1,   /* something that an operator must repair */
    DLG_LOG_LEVEL_WARNING = 2, /* a connection was lost, a queue is full; the client goes on by itself */
    DLG_LOG_LEVEL_INFO = 3,    /* connections come, the map of shards changes, the schema is upgraded */
    DLG_LOG_LEVEL_DEBUG = 4    /* every batch, every statement that is run again */
} dlg_log_level;

/*
 * Receives one line of the log.
 *
 *   level      DLG_LOG_LEVEL_ERROR to _DEBUG.
 *   subsystem  one word: "client", "connection", "dispatch", "topology", "schema", "embedded". Static.
 *   line       UTF-8 without line ends, at most 1023 bytes. Valid during the call. It never has passwords, tokens,
 *              keys or texts of messages.
 *   payload    as given to dlg_settings_log().
 *
 * Any thread may call it, those of callers too, and several at once. It must not block, and must not call the client.
 */
typedef void (*dlg_log_fn)(dlg_log_level level, const char *subsystem, const char *line, void *payload);

/*
 * Lets the clients that are opened with these settings tell what they do. Without it a client says nothing: the
 * library never writes to stderr.
 *
 *   level  lines up to this level. DLG_LOG_LEVEL_OFF ends it.
 *   log    receives the lines. NULL ends it.
 *
 * `log` and `payload` must stay valid until dlg_close() has returned for each of those clients.
 * Does not block. Errors: DLG_E_ARGUMENT (an unknown level).
 *
 * A program may also be traced from outside. The environment variable DLG_TRACE=FILE writes one timeline of all clients
 * of a process to FILE. It has each line of the log, and each message of PostgreSQL's protocol after a connection has
 * been authenticated (PostgreSQL documentation, 34.12: PQtrace). Each line begins with a time in UTC. The first
 * dlg_open() opens FILE with mode 0600 and appends to it. The trace ends after 256 MiB. It has the texts of messages and
 * the hashes of passwords: keep it as you keep the database. A setuid program ignores the variable.
 */
DLG_API int dlg_settings_log(dlg_settings *settings, dlg_log_level level, dlg_log_fn log, void *payload,
                             dlg_error **error);

/* The name of a level, "warning"; "unknown" for any other number. Static. */
DLG_API const char *dlg_log_level_name(dlg_log_level level);

/* ---- The state of the connection ------------------------------------------------------------------------ */

/* The state of a client's connection to the database that the conninfo names. */
typedef enum dlg_connection_state {
    DLG_CONNECTION_STATE_CONNECTING = 0, /* the first attempt is under way */
    DLG_CONNECTION_STATE_READY = 1,      /* requests have a connection to go to */
    DLG_CONNECTION_STATE_RETRYING = 2,   /* the last connection failed or was lost; the client tries again */
    DLG_CONNECTION_STATE_CLOSED = 3      /* the client is closing, or belongs to the process before a fork() */
} dlg_connection_state;

/*
 * Tells the state of a client's connection, and why the last one failed or was lost.
 *
 *   state  receives the state.
 *   last   NULL, or receives the last error, to be freed with dlg_error_free(); NULL when nothing has failed yet. It
 *          stays after the client has connected again.
 *
 * Any thread, callbacks too. Does not block. Errors: DLG_E_ARGUMENT (`client` or `state` is NULL).
 */
DLG_API int dlg_connection_state_get(dlg_connection_state *state, dlg_error **last, dlg_client *client);

/* The name of a state, "retrying"; "unknown" for any other number. Static. */
DLG_API const char *dlg_connection_state_name(dlg_connection_state state);

#ifdef __cplusplus
}
#endif

#endif
