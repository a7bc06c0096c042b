/*
 * A directory DIR holds
 *   postgresql/     the server's data; postgresql.new/ while initdb works on it, so that a half-made
 *                   one never looks like a whole one
 *   run/            the server's unix socket
 *   start.log       what the server said before its own log, postgresql/log/, began
 *   clients.lock    flock: shared by every open client
 *   server.lock     flock: held by the server's processes, or by initdb; taken before they run and
 *                   let go by the kernel with the last of them, so "does it run" never rests on a
 *                   process id in a file
 *   start.lock      flock: held by whoever opens or closes, so that these happen one at a time
 *
 * To open: take start.lock, share clients.lock, start the server unless it runs, let go of
 * start.lock. To close: take start.lock, give up clients.lock, and when nobody else has it, stop the
 * server. A client killed in between leaves nothing but a server that the next one finds running,
 * and its close stops.
 *
 * The directory belongs to who opens it. For root, the server runs as another user, who owns
 * postgresql/ and run/ and may pass through the directory but not write in it: keys may lie there.
 *
 * The server knows its socket directory as "../run", and a client whose path to it is too long for
 * a socket's address goes through /proc/self/fd: no length of DIR is too much.
 */
#include "embedded/embedded.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/lock.h"
#include "embedded/directory.h"
#include "embedded/private_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define START_LOCK DIRECTORY_MARK
#define CLIENTS_LOCK "clients.lock"

/* How long a close waits for its turn, and for the server to end. */
enum { CLOSE_TIMEOUT_US = 30 * 1000000 };

struct embedded {
    struct private_server server;
    int start_lock;
    int clients_lock;
};

static int open_lock(const struct embedded *embedded, const char *name, int *lock, dlg_error **error)
{
    *lock = lock_open(embedded->server.directory, name);
    if (*lock >= 0)
        return DLG_OK;
    return error_set(error, DLG_E_EMBEDDED, "%s/%s cannot be used: %s", embedded->server.path, name,
                     strerrordesc_np(errno));
}

static int open_files(struct embedded *embedded, const char *directory, dlg_error **error)
{
    int code = directory_open(directory, &embedded->server.path, &embedded->server.directory, error);
    if (code == DLG_OK)
        code = directory_check_content(embedded->server.path, embedded->server.directory, error);
    if (code == DLG_OK)
        code = open_lock(embedded, START_LOCK, &embedded->start_lock, error);
    if (code == DLG_OK)
        code = open_lock(embedded, CLIENTS_LOCK, &embedded->clients_lock, error);
    if (code == DLG_OK)
        code = open_lock(embedded, PRIVATE_SERVER_LOCK, &embedded->server.lock, error);
    return code;
}

static int busy(const struct embedded *embedded, dlg_error **error)
{
    return error_set(error, DLG_E_EMBEDDED,
                     "another process is still starting or stopping the private server in %s: try again, or allow "
                     "more time to open",
                     embedded->server.path);
}

static int enter(struct embedded *embedded, int64_t deadline_us, dlg_error **error)
{
    if (!lock_take(embedded->start_lock, LOCK_EX, deadline_us))
        return busy(embedded, error);
    int code = DLG_OK;
    if (!lock_take(embedded->clients_lock, LOCK_SH, deadline_us))
        code = busy(embedded, error);
    if (code == DLG_OK)
        code = private_server_prepare(&embedded->server, error);
    if (code == DLG_OK)
        code = private_server_serve(&embedded->server, deadline_us, error);
    if (code != DLG_OK)
        lock_release(embedded->clients_lock); /* first: who closes next must not take us for a client */
    lock_release(embedded->start_lock);
    return code;
}

int embedded_open(struct embedded **out, const char *directory, int64_t timeout_us, char **conninfo, dlg_error **error)
{
    int64_t deadline_us = clock_monotonic_us() + timeout_us;
    struct embedded *embedded = malloc(sizeof *embedded);
    if (!embedded)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    *embedded = (struct embedded){{.directory = -1, .lock = -1, .run = -1}, .start_lock = -1, .clients_lock = -1};
    int code = open_files(embedded, directory, error);
    if (code == DLG_OK)
        code = enter(embedded, deadline_us, error);
    if (code != DLG_OK) {
        embedded_forget(embedded);
        return code;
    }
    *conninfo = embedded->server.conninfo;
    embedded->server.conninfo = NULL;
    *out = embedded;
    return DLG_OK;
}

void embedded_close(struct embedded *embedded)
{
    if (!embedded)
        return;
    int64_t deadline_us = clock_monotonic_us() + CLOSE_TIMEOUT_US;
    if (lock_take(embedded->start_lock, LOCK_EX, deadline_us) && flock(embedded->clients_lock, LOCK_EX | LOCK_NB) == 0)
        private_server_stop(&embedded->server, deadline_us);
    lock_release(embedded->clients_lock);
    lock_release(embedded->start_lock);
    embedded_forget(embedded);
}

void embedded_forget(struct embedded *embedded)
{
    if (!embedded)
        return;
    if (embedded->start_lock >= 0)
        close(embedded->start_lock);
    if (embedded->clients_lock >= 0)
        close(embedded->clients_lock);
    private_server_free(&embedded->server);
    free(embedded);
}

const char *embedded_directory(const struct embedded *embedded)
{
    return embedded->server.path;
}
