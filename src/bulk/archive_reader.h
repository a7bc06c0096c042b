/*
 * archive_reader.h - the records of an archive one by one. The bytes are not trusted: no length in
 * them makes it allocate more than a few times what has really been read, nor more than one record
 * may have.
 */
#ifndef DIALOGS_ARCHIVE_READER_H
#define DIALOGS_ARCHIVE_READER_H

#include "bulk/archive_format.h"

#include <sys/types.h>

/* As read(2): how many bytes, 0 at the end, -1 with errno. */
typedef ssize_t (*archive_source)(void *payload, char *bytes, size_t room);

struct archive_reader;

struct archive_record {
    enum archive_tag tag;
    dlg_user user; /* texts are valid until the next record */
    const char *password_hash;
    dlg_message message;
};

/* NULL: out of memory. */
struct archive_reader *archive_reader_new(archive_source source, void *payload);
void archive_reader_free(struct archive_reader *reader);

/*
 * The next record. ARCHIVE_END comes once, when counts and checksum were right and nothing follows.
 * DLG_E_ARCHIVE, naming the byte; DLG_E_FILE; DLG_E_MEMORY.
 */
int archive_reader_next(struct archive_reader *reader, struct archive_record *record, dlg_error **error);

/* DLG_E_ARCHIVE for the record that was read last. */
int archive_reader_refuse(const struct archive_reader *reader, const char *why, dlg_error **error);

/* How many bytes were read. */
uint64_t archive_reader_offset(const struct archive_reader *reader);

#endif
