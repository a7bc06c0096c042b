/* directory.h - makes, checks and removes directories that nobody else may tamper with. */
#ifndef DIALOGS_DIRECTORY_H
#define DIALOGS_DIRECTORY_H

#include "embedded/account.h"

#include <dialogs.h>

/* Longest path, bytes: PostgreSQL's own limit is 1024, with the names of its files. */
enum { DIRECTORY_LENGTH = 900 };

/* The first file that is made in it: a directory that has it is one of ours. */
#define DIRECTORY_MARK "start.lock"

/*
 * Opens a directory, making it (0700) and its parents when missing. It must be ours, or we root,
 * and nobody else may be able to write in it.
 *
 *   path  receives its absolute path without symbolic links, to be freed with free().
 *   fd    receives its descriptor.
 */
int directory_open(const char *directory, char **path, int *fd, dlg_error **error);

/* DLG_E_EMBEDDED unless it is empty, or had a private server before. Never "/". */
int directory_check_content(const char *path, int fd, dlg_error **error);

/* Opens `name` in `parent`, made when missing, as a directory of this account, 0700; -1 and errno on failure. */
int directory_private(int parent, const char *name, const struct account *account);

/* Removes a whole tree, following no symbolic link; true when `name` is not there any more. */
bool directory_remove(int parent, const char *name);

/* True when there is nothing in it. */
bool directory_empty(int parent, const char *name);

/* The first part of an absolute path that an account cannot pass through; false when there is none. */
bool directory_barrier(const char *path, const struct account *account, char *part, size_t size);

#endif
