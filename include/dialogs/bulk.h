/* bulk.h - loading many rows, dump and restore. <dialogs.h> explains the conventions. */
#ifndef DLG_BULK_H
#define DLG_BULK_H

#include "messages.h"
#include "users.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Bulk ----------------------------------------------------------------------------------------------- */

/* How far long work has come. */
typedef struct dlg_progress {
    uint32_t version;
    uint64_t users;
    uint64_t messages;
    uint64_t bytes;
    uint64_t total_messages; /* 0: unknown */
    uint64_t total_bytes;    /* 0: unknown */
    uint64_t skipped;        /* rows that were there already */
    /* Since version 2: */
    uint64_t conflicts; /* messages that were not loaded, because others have their ids */
} dlg_progress;
#define DLG_PROGRESS_VERSION 2
#define DLG_PROGRESS_INIT {DLG_PROGRESS_VERSION, 0, 0, 0, 0, 0, 0, 0}

/* Initialises `progress` as DLG_PROGRESS_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_progress_init(dlg_progress *progress, uint32_t version);

/*
 * Is called on the caller's own thread now and then, and a few times a second while the work waits.
 *
 *   progress  the library's, valid during the call.
 *
 * Returns 0 to go on. Any other value stops the work with DLG_E_CANCELLED. An exception of C++, or the end
 * of the thread, may leave it: the work then ends with its connection, and some of its memory is lost. A longjmp() must
 * not: the work would stay under way, and dlg_close() would wait for it.
 */
typedef int (*dlg_progress_fn)(const dlg_progress *progress, void *payload);

/*
 * Opens a loader. It writes many rows through COPY (PostgreSQL documentation, "COPY") on a connection of its own and
 * commits them in chunks. An interrupted load may be run again: rows that are there already are skipped. A message is
 * there already when one of the same id, recipient, author and text is, or one that was edited since. A user is when
 * one of the same id is. A loader belongs to one thread.
 *
 * A message whose id another one has is a conflict. It is not loaded. The call that wrote its chunk returns DLG_E_EXISTS
 * with the number of conflicts and the ids of the first ones, and the fate DLG_FATE_WRITTEN: all other rows of the chunk
 * are stored. The loader goes on after that. dlg_progress counts conflicts.
 *
 *   loader  receives the loader, to be freed with dlg_loader_free() before the client is closed.
 *
 * Blocks while it connects. Errors: those of every request.
 *
 * Timeouts of a loader, of a dump and of a restore: the database may be silent for the timeout of the thread, or else for
 * the setting `bulk_timeout_ms`. Then the call ends with DLG_E_TIMEOUT. dlg_shutdown() ends it with DLG_E_CLOSED. After
 * either, a loader keeps the chunk, and dlg_error_fate() tells what is known of it.
 */
typedef struct dlg_loader dlg_loader;
DLG_API int dlg_loader_open(dlg_loader **loader, dlg_client *client, dlg_error **error);

/*
 * Adds a message. The loader checks it as dlg_send() does, and commits by itself after 10,000 rows or 8 MiB.
 *
 *   message  DLG_MESSAGE_INPUT_INIT with changes. Copied. With a `key` the message gets the id that dlg_send() gives it
 *            under this key: loading it again, or sending it, stores it once.
 *
 * Blocks when a chunk is full. Errors: DLG_E_ARGUMENT (an unknown version, an id or a time out of range, an id and a
 * key), DLG_E_TEXT, DLG_E_TOO_LARGE, and those of dlg_loader_flush(). The message was not added then.
 */
DLG_API int dlg_loader_message(dlg_loader *loader, const dlg_message_input *message, dlg_error **error);

/*
 * Adds a user. The loader commits by itself after 10,000 rows or 8 MiB.
 *
 *   user           DLG_USER_INIT with changes. Copied. A nil id: the library makes one.
 *   password_hash  as dlg_password_hash() makes it. NULL for a user who cannot log in.
 *
 * Blocks when a chunk is full. Errors: DLG_E_ARGUMENT, DLG_E_TOO_LARGE, and those of dlg_loader_flush(). The user
 * was not added then.
 */
DLG_API int dlg_loader_user(dlg_loader *loader, const dlg_user *user, const char *password_hash, dlg_error **error);

/*
 * Commits what was given so far. When a server or a node is away, the chunk is repeated for up to the
 * setting `open_timeout_ms` after its first failure. After that the loader keeps the chunk and returns the last
 * error: flush again.
 *
 * On a cluster a chunk is a two-phase commit of Citus, and DLG_OK says that all of it is kept. A worker may die
 * between the phases. Its part is then visible once Citus has repeated the second phase: up to
 * citus.recover_2pc_interval (one minute) after the worker is back, or at once by recover_prepared_transactions().
 *
 * Blocks. Errors: DLG_E_EXISTS (conflicts; the other rows are stored), DLG_E_UNAVAILABLE, DLG_E_DATABASE,
 * DLG_E_TIMEOUT, DLG_E_CLOSED, DLG_E_MEMORY.
 */
DLG_API int dlg_loader_flush(dlg_loader *loader, dlg_error **error);

/*
 * Reads how far a loader has come. Rows count when they are committed.
 *
 *   progress  DLG_PROGRESS_INIT; receives the members that its version has.
 *
 * Errors: DLG_E_ARGUMENT for an unknown version.
 */
DLG_API int dlg_loader_progress(dlg_progress *progress, const dlg_loader *loader);

/* Frees a loader and discards what was not flushed. NULL is fine. */
DLG_API void dlg_loader_free(dlg_loader *loader);

/*
 * Makes an Argon2id hash of a password (RFC 9106) with the client's parameters, for dlg_loader_user().
 *
 *   hash              receives the hash, to be freed with dlg_free().
 *   password, length  1 byte to DLG_PASSWORD_LIMIT bytes.
 *
 * Blocks, about 0.1 s. Errors: DLG_E_ARGUMENT, DLG_E_TOO_LARGE, DLG_E_MEMORY.
 */
DLG_API int dlg_password_hash(char **hash, dlg_client *client, const char *password, size_t length, dlg_error **error);

/*
 * Writes all users and messages, as they stand at one moment. The output is a stream of msgpack objects with a
 * header, a version and a checksum (BLAKE2b) at the end; docs/archive.md describes it. Password hashes
 * are in it: protect it as you protect the database.
 *
 *   fd        where to write; stays open.
 *   progress  NULL, or is called with `payload` now and then.
 *
 * Blocks. Errors: DLG_E_FILE, DLG_E_CANCELLED, and those of every request.
 */
DLG_API int dlg_dump(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error);

/*
 * Reads back what dlg_dump() wrote. Rows that are there already are skipped: it may be run again. Rows that were read
 * before damage is met stay. Conflicts, as a loader knows them, do not stop it: at its end it returns DLG_E_EXISTS with
 * their number.
 *
 *   fd        where to read; stays open.
 *   progress  NULL, or is called with `payload` now and then.
 *
 * Blocks. Errors: DLG_E_ARCHIVE, DLG_E_FILE, DLG_E_CANCELLED, DLG_E_EXISTS, and those of a loader.
 */
DLG_API int dlg_restore(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error);

#ifdef __cplusplus
}
#endif

#endif
