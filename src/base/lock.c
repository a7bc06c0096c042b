#include "base/lock.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_NS = 10 * 1000000 };

/* A lock file that root makes in somebody's directory is to be that user's. */
static bool give_to_owner(int directory, int lock)
{
    struct stat owner;
    return fstat(directory, &owner) == 0 &&
           (owner.st_uid == geteuid() || fchown(lock, owner.st_uid, owner.st_gid) == 0);
}

/* A file that is there already is left as it is: it could be a hard link to anything. */
int lock_open(int directory, const char *name)
{
    int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int lock = openat(directory, name, flags | O_CREAT | O_EXCL, 0600);
    if (lock < 0)
        return errno == EEXIST ? openat(directory, name, flags) : -1;
    if (give_to_owner(directory, lock))
        return lock;
    int failed = errno;
    close(lock);
    errno = failed;
    return -1;
}

bool lock_take(int lock, int operation, int64_t deadline_us)
{
    while (flock(lock, operation | LOCK_NB) < 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || clock_monotonic_us() >= deadline_us)
            return false;
        lock_pause();
    }
    return true;
}

bool lock_held(int lock)
{
    if (flock(lock, LOCK_EX | LOCK_NB) < 0)
        return true;
    lock_release(lock);
    return false;
}

void lock_release(int lock)
{
    if (lock >= 0)
        flock(lock, LOCK_UN);
}

void lock_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}
