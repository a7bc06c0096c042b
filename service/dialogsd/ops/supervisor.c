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

int supervisor_socket(void)
{
    enum { FIRST = 3 };
    const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    if (!count || !pid || strtol(pid, NULL, 10) != getpid())
        return -1;
    int listens = 0;
    socklen_t size = sizeof listens;
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    if (strcmp(count, "1") != 0 || getsockopt(FIRST, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens) {
        say("LISTEN_FDS has %s sockets and not all of them listen; give one stream socket", count);
        return -2;
    }
    fcntl(FIRST, F_SETFD, FD_CLOEXEC);
    fcntl(FIRST, F_SETFL, fcntl(FIRST, F_GETFL) | O_NONBLOCK);
    return FIRST;
}
