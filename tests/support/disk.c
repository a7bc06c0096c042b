/*
 * disk.c - loaded into a test server: its data lie on a disk with only so much space left. Besides the data directory
 * the file `space` holds how many bytes files may still grow by; without it there is no limit. Beyond it growing fails
 * as on a full disk, while what was there already can be written again. The write-ahead log has a disk of its own, as
 * it has where servers are to survive this: without room for that one PostgreSQL stops.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[PATH_MAX]; /* this file's own, which is the server's */
static size_t directory_length;
static ssize_t (*original_write)(int, const void *, size_t);
static ssize_t (*original_pwrite)(int, const void *, size_t, off_t);

__attribute__((constructor)) static void find(void)
{
    Dl_info self;
    *(void **)&original_write = dlsym(RTLD_NEXT, "write");
    *(void **)&original_pwrite = dlsym(RTLD_NEXT, "pwrite");
    if (!dladdr(directory, &self) || !strrchr(self.dli_fname, '/'))
        return;
    directory_length = (size_t)(strrchr(self.dli_fname, '/') - self.dli_fname);
    snprintf(directory, sizeof directory, "%.*s", (int)directory_length, self.dli_fname);
}

/* Shared by the server's processes and the test. NULL: no limit. */
static atomic_int_least64_t *find_space(void)
{
    static atomic_int_least64_t *space;
    char path[PATH_MAX + 8];
    if (space)
        return space;
    snprintf(path, sizeof path, "%s/space", directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    void *place = mmap(NULL, sizeof *space, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    space = place == MAP_FAILED ? NULL : place;
    return space;
}

static bool is_data(int fd)
{
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || (size_t)length <= directory_length)
        return false;
    path[length] = '\0';
    const char *rest = path + directory_length;
    return memcmp(path, directory, directory_length) == 0 && strncmp(rest, "/data/", 6) == 0 &&
           strncmp(rest, "/data/pg_wal/", 13) != 0;
}

/* Takes the space that a file needs to reach so far; false, with errno, when there is not so much. */
static bool take(int fd, off_t end)
{
    int before = errno;
    struct stat file;
    atomic_int_least64_t *space = NULL;
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && end > file.st_size && is_data(fd))
        space = find_space();
    errno = before;
    if (!space)
        return true;
    int64_t needed = end - file.st_size;
    if (atomic_fetch_sub(space, needed) >= needed)
        return true;
    atomic_fetch_add(space, needed);
    errno = ENOSPC;
    return false;
}

__attribute__((visibility("default"))) ssize_t write(int fd, const void *data, size_t size)
{
    off_t place = lseek(fd, 0, SEEK_CUR);
    return place < 0 || take(fd, place + (off_t)size) ? original_write(fd, data, size) : -1;
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t size, off_t place)
{
    return take(fd, place + (off_t)size) ? original_pwrite(fd, data, size, place) : -1;
}
