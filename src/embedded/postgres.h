/* postgres.h - the programs of a PostgreSQL server on this machine: where they are, how they are run. */
#ifndef DIALOGS_POSTGRES_H
#define DIALOGS_POSTGRES_H

#include "embedded/account.h"

#include <dialogs.h>
#include <limits.h>

#define POSTGRES_SUPERUSER "dialogs"

struct postgres {
    char binaries[PATH_MAX]; /* the directory that holds postgres and initdb */
    int major;
};

/*
 * Finds a server of a major version (0: any): where DLG_POSTGRES_BIN says, else where pg_config
 * says, else the latest of /usr/lib/postgresql, else in PATH. DLG_E_EMBEDDED says what to install.
 */
int postgres_find(struct postgres *postgres, int major, int64_t deadline_us, dlg_error **error);

/* The major version that made a data directory; 0 when it is none. */
int postgres_data_version(int data);

/* The account to run a server under: our own, or, for root, that of `owner`, else "postgres", else "nobody". */
int postgres_account(struct account *account, uid_t owner, dlg_error **error);

/*
 * Runs initdb in an empty directory of this account: checksums, UTF-8, sorted by code point, one
 * superuser without a password who is only let in through the unix socket.
 *
 *   lock  see struct subprocess.
 */
int postgres_initialize(const struct postgres *postgres, const struct account *account, const char *data,
                        const char *lock, int64_t deadline_us, dlg_error **error);

/*
 * Starts a server that outlives us, with these settings ("name=value", NULL at the end) over those
 * of its files. It is not ready when this returns.
 *
 *   log  descriptor that receives what it says until its own log begins.
 */
int postgres_start(const struct postgres *postgres, const struct account *account, const char *data, const char *lock,
                   const char *const *settings, int log, dlg_error **error);

/* The line of a program's output or a server's log that says best what went wrong, without its time stamp. */
void postgres_reason(const char *text, char *line, size_t size);

#endif
