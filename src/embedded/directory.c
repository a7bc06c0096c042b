#include "embedded/directory.h"

#include "base/error.h"
#include "base/make_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static int directory_refuse(dlg_error **error, const char *directory)
{
    return error_set(error, DLG_E_EMBEDDED, "the directory %s cannot be used: %s", directory, strerrordesc_np(errno));
}

static bool has_control_characters(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

static int check(const char *path, int fd, dlg_error **error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return directory_refuse(error, path);
    if (geteuid() != 0 && status.st_uid != geteuid()) {
        struct account owner;
        const char *name = account_of(&owner, status.st_uid) ? owner.name : "somebody else";
        return error_set(error, DLG_E_EMBEDDED, "the directory %s belongs to %s: run as that user, or choose another",
                         path, name);
    }
    if (status.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(error, DLG_E_EMBEDDED,
                         "other users may write in the directory %s: run \"chmod go-w\" on it, or choose another",
                         path);
    return DLG_OK;
}

/* Whether the text may be a directory's name at all. */
static int check_name(const char *directory, dlg_error **error)
{
    if (!*directory)
        return error_set(error, DLG_E_ARGUMENT,
                         "embedded: needs a directory after the colon, as in embedded:/srv/dialogs");
    if (strlen(directory) > DIRECTORY_LENGTH)
        return error_set(error, DLG_E_ARGUMENT, "the path of an embedded: directory is too long: at most %d bytes",
                         DIRECTORY_LENGTH);
    if (has_control_characters(directory))
        return error_set(error, DLG_E_ARGUMENT, "the name of an embedded: directory must not have control characters");
    return DLG_OK;
}

static bool is_there(int fd, const char *name)
{
    struct stat status;
    return fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Nothing is taken for its name: an empty variable before "/run", or somebody's own directory, has other things. */
int directory_check_content(const char *path, int fd, dlg_error **error)
{
    if (strcmp(path, "/") == 0)
        return error_set(error, DLG_E_EMBEDDED,
                         "the private server cannot be in / itself: is a variable of the conninfo empty?");
    /* In this order: who else makes it just now makes the mark before anything else. */
    if (directory_empty(fd, ".") || is_there(fd, DIRECTORY_MARK) || is_there(fd, "postgresql/PG_VERSION"))
        return DLG_OK;
    return error_set(error, DLG_E_EMBEDDED,
                     "the directory %s has other things in it than a private server: choose an empty or a new one",
                     path);
}

/* Its name now, without symbolic links. */
static char *path_of(int fd)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return realpath(link, NULL);
}

int directory_open(const char *directory, char **path, int *fd, dlg_error **error)
{
    *path = NULL;
    *fd = -1;
    int code = check_name(directory, error);
    if (code != DLG_OK)
        return code;
    *fd = make_path(directory, 0700, geteuid() == 0 ? 0711 : 0700); /* a root's parents let the server's account pass */
    if (*fd >= 0)
        *path = path_of(*fd);
    if (!*path)
        code = directory_refuse(error, directory);
    if (code == DLG_OK)
        code = check_name(*path, error); /* a short name may stand for a long one */
    if (code == DLG_OK)
        code = check(*path, *fd, error);
    if (code == DLG_OK)
        return DLG_OK;
    if (*fd >= 0)
        close(*fd);
    free(*path);
    *path = NULL;
    *fd = -1;
    return code;
}

/* By descriptor: whoever may write in the parent cannot make us change another file, nor give us a directory. */
static bool make_private(int fd, const struct account *account)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return false;
    errno = EPERM;
    if (status.st_uid != account->uid && (status.st_uid != geteuid() || fchown(fd, account->uid, account->gid) < 0))
        return false;
    return (status.st_mode & 07777) == 0700 || fchmod(fd, 0700) == 0;
}

int directory_private(int parent, const char *name, const struct account *account)
{
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -1;
    int fd = openat(parent, name, OPEN_FLAGS);
    if (fd < 0 || make_private(fd, account))
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

static bool dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void remove_contents(int fd)
{
    DIR *listing = fdopendir(fd);
    if (!listing) {
        close(fd);
        return;
    }
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing))
        if (!dot(entry->d_name))
            directory_remove(dirfd(listing), entry->d_name);
    closedir(listing);
}

bool directory_remove(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    int fd = openat(parent, name, OPEN_FLAGS);
    if (fd < 0)
        return false;
    remove_contents(fd);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

bool directory_empty(int parent, const char *name)
{
    int fd = openat(parent, name, OPEN_FLAGS);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    const struct dirent *entry = readdir(listing);
    while (entry && (dot(entry->d_name) || strcmp(entry->d_name, "lost+found") == 0)) /* of a new file system */
        entry = readdir(listing);
    closedir(listing);
    return !entry;
}

bool directory_barrier(const char *path, const struct account *account, char *part, size_t size)
{
    size_t length = strlen(path);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] && path[i] != '/')
            continue;
        struct stat status;
        snprintf(part, size, "%.*s", (int)i, path);
        if (stat(part, &status) == 0 && !account_may_search(account, &status))
            return true;
    }
    return false;
}
