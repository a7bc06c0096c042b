#include "ops/supervisor.h"

#include "ops/service_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void supervisor_tell(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof address.sun_path || (*path != '/' && *path != '@'))
        return;
    memcpy(address.sun_path, path, length);
    if (*path == '@') /* an abstract name */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
        say("cannot send %s the state %s: %s", path, state, strerror(errno));
    if (fd >= 0)
        close(fd);
}

enum { FIRST_FD = 3, SOCKETS_MOST = 2 };

static bool take_socket(int fd)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens)
        return false;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return true;
}

/* Which of LISTEN_FDNAMES, which are separated by colons, is "admin"; -1: none. */
static int admin_index(const char *names)
{
    static const char admin[] = "admin";
    for (int index = 0; names; index++) {
        size_t length = strcspn(names, ":");
        if (length == sizeof admin - 1 && memcmp(names, admin, length) == 0)
            return index;
        names = names[length] ? names + length + 1 : NULL;
    }
    return -1;
}

bool supervisor_sockets(int *fd, int *admin_fd)
{
    const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    *fd = *admin_fd = -1;
    if (!count || !pid || strtol(pid, NULL, 10) != getpid())
        return true;
    int admin = admin_index(getenv("LISTEN_FDNAMES"));
    long sockets = strtol(count, NULL, 10);
    bool good = sockets >= 1 && sockets <= SOCKETS_MOST && sockets == 1 + (admin >= 0);
    for (int i = 0; good && i < sockets; i++) {
        good = take_socket(FIRST_FD + i);
        *(i == admin ? admin_fd : fd) = FIRST_FD + i;
    }
    if (!good)
        say("LISTEN_FDS has %s sockets and not all of them listen, or are known: give one stream socket, and maybe one "
            "that is named \"admin\"",
            count);
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    return good;
}
