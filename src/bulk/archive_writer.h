/* archive_writer.h - an archive on its way to a file descriptor, in memory bounded by one record. */
#ifndef DIALOGS_ARCHIVE_WRITER_H
#define DIALOGS_ARCHIVE_WRITER_H

#include "bulk/archive_format.h"
#include "pg/patience.h"

struct archive_writer;

/* Begins an archive with its header. NULL: out of memory. */
struct archive_writer *archive_writer_new(int fd, int64_t created_us);
void archive_writer_free(struct archive_writer *writer);

/* How long to wait for a reader of a pipe or a socket; without it, for ever. Valid as long as the writer. */
void archive_writer_wait(struct archive_writer *writer, const struct patience *patience);

/* DLG_E_FILE, DLG_E_TOO_LARGE, DLG_E_MEMORY; after one of them the archive is of no use. */
int archive_writer_user(struct archive_writer *writer, const dlg_user *user, const char *password_hash,
                        dlg_error **error);
int archive_writer_message(struct archive_writer *writer, const dlg_message *message, dlg_error **error);

/* The counts and the checksum; everything is handed to the system when it returns. */
int archive_writer_end(struct archive_writer *writer, dlg_error **error);

/* How much has been written: users, messages, bytes. */
void archive_writer_progress(const struct archive_writer *writer, dlg_progress *progress);

#endif
