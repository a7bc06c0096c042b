/*
 * embedded.h - embedded:DIR, a private PostgreSQL server in a directory, shared by every client of
 * that directory on this machine. embedded.c begins with how it works.
 */
#ifndef DIALOGS_EMBEDDED_H
#define DIALOGS_EMBEDDED_H

#include <dialogs.h>

struct embedded;

/*
 * Makes the directory and the server when missing, starts the server when it does not run, and
 * waits until it accepts connections. Blocks.
 *
 *   conninfo  receives how libpq reaches it from this process, as long as `out` lives; to be freed
 *             with free().
 */
int embedded_open(struct embedded **out, const char *directory, int64_t timeout_us, char **conninfo, dlg_error **error);

/* Leaves; stops the server when nobody else is using it, and waits for that. NULL is fine. Blocks. */
void embedded_close(struct embedded *embedded);

/* In a forked child: lets go without a word to the server, which is the parent's. NULL is fine. */
void embedded_forget(struct embedded *embedded);

/* Its absolute path, without symbolic links. */
const char *embedded_directory(const struct embedded *embedded);

#endif
