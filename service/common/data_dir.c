#include "common/data_dir.h"

#include <errno.h>
#include <pwd.h>
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

static int make_one(const char *path)
{
    if (mkdir(path, 0700) == 0) {
        /* As root the private server runs as another user, who has to get through to its own directory. */
        return geteuid() == 0 ? chmod(path, 0755) : 0;
    }
    struct stat status;
    int reason = errno;
    if (reason == EEXIST && stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return 0;
        reason = ENOTDIR;
    }
    errno = reason;
    return -1;
}

int data_dir_make(const char *data)
{
    char *path = strdup(data);
    if (!path)
        return -1;
    int result = 0;
    for (char *slash = strchr(path + (*path == '/'), '/'); slash && result == 0; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        result = make_one(path);
        *slash = '/';
    }
    if (result == 0)
        result = make_one(path);
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
