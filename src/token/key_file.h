/*
 * key_file.h - the file of signing keys on disk. It is only ever replaced as a whole, so that a
 * reader never sees half of it, and is readable by its owner only.
 */
#ifndef DIALOGS_KEY_FILE_H
#define DIALOGS_KEY_FILE_H

#include "token/key_set.h"

#include <sys/stat.h>

enum { KEY_FILE_LIMIT = 65536 }; /* bytes */

/* Which file it was, and whether it was changed since. */
struct key_file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

/* Errors of all four: DLG_E_FILE, DLG_E_MEMORY. */

/* Makes the file, with a new key, and the directories above it (0700), unless it is there. */
int key_file_ensure(const char *path, dlg_error **error);

/* Looks without opening. */
int key_file_stamp(const char *path, struct key_file_stamp *stamp, dlg_error **error);

bool key_file_same(const struct key_file_stamp *a, const struct key_file_stamp *b);

/* Reads the keys. The stamp is that of the file that was opened, also on failure; zero when none could be. */
int key_file_read(const char *path, struct key_file_stamp *stamp, struct key_set **set, dlg_error **error);

/*
 * Puts a new key in front of the others. Threads and processes that do so at the same time take
 * turns, so that no key is lost.
 */
int key_file_rotate(const char *path, dlg_error **error);

#endif
