/* make_path.h - makes directories where somebody else may be able to write, too. */
#ifndef DIALOGS_MAKE_PATH_H
#define DIALOGS_MAKE_PATH_H

#include <sys/types.h>

/*
 * Opens a directory; makes it, and those above it that are missing, whatever the umask is. What is made is never
 * reached by its name again: whoever puts a symbolic link in its place does not lead us elsewhere.
 *
 *   mode, parents  the rights of the directory, and of those above it.
 *
 * Returns its descriptor, for reading; -1 and errno on failure.
 */
int make_path(const char *path, mode_t mode, mode_t parents);

#endif
