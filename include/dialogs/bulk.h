/* bulk.h - loaders, dump and restore. The conventions are in <dialogs.h>. */
#ifndef DLG_BULK_H
#define DLG_BULK_H

#include "messages.h"
#include "users.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Bulk ----------------------------------------------------------------------------------- */

/* How far long work has come. Returned structs may grow. A total of 0 means unknown. */
typedef struct dlg_progress {
    uint64_t users;
    uint64_t messages;
    uint64_t bytes;
    uint64_t total_messages;
    uint64_t total_bytes;
    uint64_t skipped; /* rows that were there already */
} dlg_progress;

/* Called on the caller's own thread now and then; any value but 0 stops with DLG_E_CANCELLED. */
typedef int (*dlg_progress_fn)(const dlg_progress *progress, void *payload);

/*
 * A loader writes many rows through COPY on a connection of its own, committed in chunks; rows
 * that are there already (same id) are skipped, so an interrupted load may be run again.
 * It blocks, and belongs to one thread. Free it before the client is closed.
 */
typedef struct dlg_loader dlg_loader;
DLG_API int dlg_loader_open(dlg_client *client, dlg_loader **loader, dlg_error **error);

/* `message->id` 0 and `created_us` 0: the library makes them. Checked as dlg_send() checks. */
DLG_API int dlg_loader_message(dlg_loader *loader, const dlg_message *message, dlg_error **error);

/*
 * `password_hash`: as dlg_password_hash() makes it; NULL for a user who cannot log in.
 * A nil id: the library makes one.
 */
DLG_API int dlg_loader_user(dlg_loader *loader, const dlg_user *user, const char *password_hash, dlg_error **error);

/*
 * Commits what was given so far; dlg_loader_message() and dlg_loader_user() do so by themselves after 10,000 rows or
 * 8 MiB. A chunk that fails because a server or a node is away is repeated for up to the setting `open_timeout_ms` since
 * its first failure; after that the last error, such as DLG_E_UNAVAILABLE, and the chunk is kept: flush again.
 * On a cluster a chunk is a two-phase commit of Citus: DLG_OK says that all of it is kept. Should a worker die between
 * the phases, its part is seen once Citus has repeated the second one, up to citus.recover_2pc_interval (a minute)
 * after the worker is back, or at once by recover_prepared_transactions().
 */
DLG_API int dlg_loader_flush(dlg_loader *loader, dlg_error **error);
DLG_API void dlg_loader_progress(const dlg_loader *loader, dlg_progress *progress);
DLG_API void dlg_loader_free(dlg_loader *loader); /* discards what was not flushed */

/* An Argon2id hash of a password with the client's parameters, to be freed with dlg_free(). Blocks, about 0.1 s. */
DLG_API int dlg_password_hash(dlg_client *client, const char *password, size_t length, char **hash, dlg_error **error);

/*
 * Writes all users and messages, as they stand at one moment, to `fd`: a stream of msgpack objects
 * with a header, a version, and a checksum (BLAKE2b) at the end; docs/archive.md describes it.
 * Password hashes are in it: keep it as you keep the database. Blocks.
 */
DLG_API int dlg_dump(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error);

/*
 * Reads such a stream back; rows that are there already are skipped, so it may be run again.
 * Rows read before damage is met stay. Errors: DLG_E_ARCHIVE, DLG_E_FILE, and those of a loader.
 */
DLG_API int dlg_restore(dlg_client *client, int fd, dlg_progress_fn progress, void *payload, dlg_error **error);

#ifdef __cplusplus
}
#endif

#endif
