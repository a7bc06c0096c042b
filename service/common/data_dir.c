#include "common/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "HEAD/TAIL"; NULL when out of memory. */
static char *join(const char *head, const char *tail)
{
    char *path;
    return asprintf(&path, "%s/%s", head, tail) < 0 ? NULL : path;
}

static const char *home(void)
{
    const char *path = getenv("HOME");
    if (path && *path)
        return path;
    const struct passwd *self = getpwuid(getuid());
    return self && self->pw_dir && *self->pw_dir ? self->pw_dir : NULL;
}

char *data_dir_find(const char *given)
{
    if (given)
        return strdup(given);
    if (geteuid() == 0)
        return strdup("/var/lib/dialogsd");
    const char *state = getenv("XDG_STATE_HOME");
    if (state && *state == '/') /* the XDG specification: a relative path is to be ignored */
        return join(state, "dialogs");
    const char *path = home();
    if (path)
        return join(path, ".local/state/dialogs");
    errno = ENOENT;
    return NULL;
}

/* Closes `fd`; -1 with errno as it was, or 0. */
static int closed(int fd, int result)
{
    int reason = errno;
    close(fd);
    errno = reason;
    return result;
}

/* As root the private server runs as another user, who has to get through to its own directory. */
static int open_to_all(int fd)
{
    struct stat status;
    if (geteuid() != 0)
        return 0;
    if (fstat(fd, &status) < 0)
        return -1;
    errno = EPERM; /* somebody has put another directory there */
    return status.st_uid == 0 ? fchmod(fd, 0755) : -1;
}

/*
 * Opens one directory below `parent`, made when missing. One that was just made is reached by no symbolic link that
 * somebody else has put in its place.
 */
static int open_one(int parent, const char *name)
{
    bool made = mkdirat(parent, name, 0700) == 0;
    if (!made && errno != EEXIST)
        return -1;
    int fd =
        openat(parent, name, made ? O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || !made || open_to_all(fd) == 0 ? fd : closed(fd, -1);
}

int data_dir_make(const char *data)
{
    errno = ENOENT;
    char *path = *data ? strdup(data) : NULL, *state;
    int fd = path ? open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    for (char *name = path ? strtok_r(path, "/", &state) : NULL; name && fd >= 0; name = strtok_r(NULL, "/", &state))
        fd = closed(fd, open_one(fd, name));
    int result = fd < 0 ? -1 : closed(fd, 0);
    int reason = errno;
    free(path);
    errno = reason;
    return result;
}

char *data_dir_database(const char *data)
{
    char *conninfo;
    return asprintf(&conninfo, "embedded:%s/db", data) < 0 ? NULL : conninfo;
}
