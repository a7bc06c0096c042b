#include "token/key_file.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/make_path.h"
#include "base/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* A text with secrets in it, in guarded memory. */
struct text {
    char *bytes;
    size_t length;
};

static int key_file_error(dlg_error **error, const char *what, const char *path)
{
    const char *reason = strerror(errno);
    return error_set(error, DLG_E_FILE, "cannot %s the key file %s: %s; repair it, or name another in token_key_file",
                     what, path, reason);
}

static void stamp_fill(struct key_file_stamp *stamp, const struct stat *status)
{
    *stamp = (struct key_file_stamp){status->st_dev, status->st_ino, status->st_size, status->st_mtim, status->st_ctim};
}

int key_file_stamp(const char *path, struct key_file_stamp *stamp, dlg_error **error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return key_file_error(error, "find", path);
    stamp_fill(stamp, &status);
    return DLG_OK;
}

static bool same_moment(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool key_file_same(const struct key_file_stamp *a, const struct key_file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_moment(&a->modified, &b->modified) && same_moment(&a->changed, &b->changed);
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* Not blocking, or a FIFO in the file's place would hold us up before we can refuse it. */
static int open_file(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int check_file(const struct stat *status, const char *path, dlg_error **error)
{
    if (!S_ISREG(status->st_mode))
        return error_set(error, DLG_E_FILE, "%s is not a file; name one in token_key_file", path);
    if (status->st_mode & (S_IRWXG | S_IRWXO))
        return error_set(error, DLG_E_FILE, "other users may read the signing keys: run chmod 600 %s", path);
    if (status->st_size > KEY_FILE_LIMIT)
        return error_set(error, DLG_E_FILE, "%s is longer than %d bytes; remove the oldest keys", path, KEY_FILE_LIMIT);
    return DLG_OK;
}

/* Up to `size` bytes; fewer at the end of the file; -1 with errno. */
static ssize_t read_whole(int file, char *bytes, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = read(file, bytes + length, size - length);
        if (got == 0)
            break;
        if (got > 0)
            length += (size_t)got;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)length;
}

/* The text and the status of an open file; the text is to be freed with sodium_free(). */
static int read_file(int file, const char *path, struct stat *status, struct text *text, dlg_error **error)
{
    if (fstat(file, status) != 0)
        return key_file_error(error, "read", path);
    int code = check_file(status, path, error);
    if (code != DLG_OK)
        return code;
    text->bytes = sodium_malloc(KEY_FILE_LIMIT);
    if (!text->bytes)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    ssize_t length = read_whole(file, text->bytes, KEY_FILE_LIMIT);
    if (length >= 0) {
        text->length = (size_t)length;
        return DLG_OK;
    }
    key_file_error(error, "read", path);
    sodium_free(text->bytes);
    return DLG_E_FILE;
}

int key_file_read(const char *path, struct key_file_stamp *stamp, struct key_set **set, dlg_error **error)
{
    *stamp = (struct key_file_stamp){0};
    int file = open_file(path);
    if (file < 0)
        return key_file_error(error, "open", path);
    struct stat status = {0};
    struct text text = {NULL, 0};
    int code = read_file(file, path, &status, &text, error);
    close(file);
    stamp_fill(stamp, &status);
    if (code != DLG_OK)
        return code;
    code = key_set_parse(text.bytes, text.length, path, set, error);
    sodium_free(text.bytes);
    return code;
}

/* ---- Writing -------------------------------------------------------------------------------- */

#define HEADING "# Keys that sign tokens, one a line; the first signs, all verify. Keep them secret.\n"

/* A new key with its date, and `rest` after it, under one heading. */
static int compose(struct text rest, const char *path, struct text *text, dlg_error **error)
{
    size_t heading = sizeof HEADING - 1;
    if (rest.length >= heading && memcmp(rest.bytes, HEADING, heading) == 0)
        rest = (struct text){rest.bytes + heading, rest.length - heading};
    char moment[TIMESTAMP_SIZE], line[KEY_LINE_SIZE];
    timestamp_format(clock_wall_us(), moment);
    text->bytes = sodium_malloc(KEY_FILE_LIMIT);
    if (!text->bytes)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    key_generate(line);
    int length = snprintf(text->bytes, KEY_FILE_LIMIT, HEADING "# made %s\n%s\n", moment, line);
    sodium_memzero(line, sizeof line);
    text->length = (size_t)length;
    if (rest.length > KEY_FILE_LIMIT - text->length) {
        sodium_free(text->bytes);
        return error_set(error, DLG_E_FILE, "%s has no room for another key; remove the oldest", path);
    }
    if (rest.length > 0)
        memcpy(text->bytes + text->length, rest.bytes, rest.length);
    text->length += rest.length;
    return DLG_OK;
}

static bool write_whole(int file, struct text text)
{
    for (size_t done = 0; done < text.length;) {
        ssize_t put = write(file, text.bytes + done, text.length - done);
        if (put >= 0)
            done += (size_t)put;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* So that the new name survives a power cut; where a directory cannot be synced there is no more to do. */
static void sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) + 1 : 0;
    snprintf(directory, sizeof directory, "%.*s.", length, path);
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return;
    fsync(file);
    close(file);
}

/* Fills a file that nobody else has open yet. `owner`: whose it shall be, or NULL. */
static bool fill(int file, struct text text, const struct stat *owner)
{
    if (owner && owner->st_uid != geteuid() && fchown(file, owner->st_uid, owner->st_gid) != 0)
        return false;
    return fchmod(file, S_IRUSR | S_IWUSR) == 0 && write_whole(file, text) && fsync(file) == 0;
}

/*
 * Writes a file beside `path` and gives it that name: in place of `old`, or, when it is NULL, only
 * if there is none; finding one there is success too.
 */
static int publish(const char *path, struct text text, const struct stat *old, dlg_error **error)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary) {
        errno = ENAMETOOLONG;
        return key_file_error(error, "write", path);
    }
    int file = mkostemp(temporary, O_CLOEXEC);
    if (file < 0)
        return key_file_error(error, "write", path);
    bool done = fill(file, text, old);
    if (done && old)
        done = rename(temporary, path) == 0;
    else if (done)
        done = link(temporary, path) == 0 || errno == EEXIST;
    int code = done ? DLG_OK : key_file_error(error, "write", path);
    close(file);
    if (!done || !old)
        unlink(temporary);
    sync_directory(path);
    return code;
}

static int make_parents(const char *path, dlg_error **error)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return DLG_OK;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path); /* one that is cut off is too long to open */
    int fd = make_path(parent, S_IRWXU, S_IRWXU);
    if (fd < 0)
        return key_file_error(error, "make the directory of", path);
    close(fd);
    return DLG_OK;
}

int key_file_ensure(const char *path, dlg_error **error)
{
    struct stat status;
    if (stat(path, &status) == 0)
        return DLG_OK;
    if (errno != ENOENT)
        return key_file_error(error, "open", path);
    int code = make_parents(path, error);
    if (code != DLG_OK)
        return code;
    struct text text = {NULL, 0};
    code = compose((struct text){NULL, 0}, path, &text, error);
    if (code != DLG_OK)
        return code;
    code = publish(path, text, NULL, error);
    sodium_free(text.bytes);
    return code;
}

/* ---- Rotating ------------------------------------------------------------------------------- */

static bool lock_file(int file)
{
    while (flock(file, LOCK_EX) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

/* Whoever had the lock before may have put another file in its place: then that one is to be locked. */
static int open_locked(const char *path, int *locked, dlg_error **error)
{
    for (;;) {
        int file = open_file(path);
        if (file < 0)
            return key_file_error(error, "open", path);
        struct stat held, named;
        if (!lock_file(file) || fstat(file, &held) != 0 || stat(path, &named) != 0) {
            key_file_error(error, "lock", path);
            close(file);
            return DLG_E_FILE;
        }
        if (held.st_dev == named.st_dev && held.st_ino == named.st_ino) {
            *locked = file;
            return DLG_OK;
        }
        close(file);
    }
}

/* With the lock held. A text that cannot be read as keys is left alone. */
static int prepend_key(int file, const char *path, dlg_error **error)
{
    struct stat status = {0};
    struct text before = {NULL, 0}, after = {NULL, 0};
    int code = read_file(file, path, &status, &before, error);
    if (code != DLG_OK)
        return code;
    struct key_set *set = NULL;
    code = key_set_parse(before.bytes, before.length, path, &set, error);
    key_set_release(set);
    if (code == DLG_OK)
        code = compose(before, path, &after, error);
    sodium_free(before.bytes);
    if (code != DLG_OK)
        return code;
    code = publish(path, after, &status, error);
    sodium_free(after.bytes);
    return code;
}

int key_file_rotate(const char *path, dlg_error **error)
{
    char *real = realpath(path, NULL); /* a symbolic link stays one */
    if (!real)
        return key_file_error(error, "find", path);
    int file = -1;
    int code = open_locked(real, &file, error);
    if (code == DLG_OK) {
        code = prepend_key(file, real, error);
        close(file);
    }
    free(real);
    return code;
}
