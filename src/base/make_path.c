#include "base/make_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

/* Closes the first one and returns the second one, with errno as it was. */
static int instead(int parent, int fd)
{
    int reason = errno;
    if (parent >= 0)
        close(parent);
    errno = reason;
    return fd;
}

/* Only what the umask took: another process may have opened it since then, and changed its rights. */
static bool give_rights(int fd, mode_t mode)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return false;
    errno = EPERM; /* somebody has put another directory there */
    return status.st_uid == geteuid() && ((status.st_mode & mode) == mode || fchmod(fd, mode) == 0);
}

/* Makes one directory in `parent`, or opens the one that another process of ours has just made. */
static int make_one(int parent, const char *name, mode_t mode)
{
    bool made = mkdirat(parent, name, mode) == 0;
    if (!made && errno != EEXIST)
        return -1;
    int fd = openat(parent, name, OPEN_FLAGS | O_NOFOLLOW);
    if (fd < 0 || !made || give_rights(fd, mode))
        return fd;
    return instead(fd, -1);
}

/* Makes what is left of the path, name by name. `rest` is written to. */
static int make_rest(int fd, char *rest, mode_t mode, mode_t parents)
{
    char *state;
    char *name = strtok_r(rest, "/", &state);
    while (fd >= 0 && name) {
        char *next = strtok_r(NULL, "/", &state);
        fd = instead(fd, make_one(fd, name, next ? parents : mode));
        name = next;
    }
    return fd;
}

/* Cuts the last name off a path; returns where it begins. */
static char *last_name(const char *path, char *end)
{
    while (end > path && end[-1] == '/')
        end--;
    while (end > path && end[-1] != '/')
        end--;
    return end;
}

/* Opens the longest beginning of the path that is there; `rest` receives where the names that are missing begin. */
static int open_beginning(char *path, char **rest)
{
    char *end = path + strlen(path);
    int fd = open(path, OPEN_FLAGS);
    while (fd < 0 && errno == ENOENT && end > path) {
        end = last_name(path, end);
        char first = *end;
        *end = '\0';
        fd = open(*path ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        *end = first;
    }
    *rest = end;
    return fd;
}

int make_path(const char *path, mode_t mode, mode_t parents)
{
    char own[PATH_MAX], *rest;
    size_t length = strlen(path);
    errno = length ? ENAMETOOLONG : ENOENT;
    if (!length || length >= sizeof own)
        return -1;
    memcpy(own, path, length + 1);
    int fd = open_beginning(own, &rest);
    return make_rest(fd, rest, mode, parents);
}
