#include "ops/listener.h"

#include "ops/service_log.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int bind_to(const struct addrinfo *address)
{
    const int on = 1;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static void explain(const char *address, int port)
{
    if (errno == EADDRINUSE)
        say("port %d is in use on %s; choose another with --port", port, address);
    else if (errno == EACCES)
        say("only root may listen on port %d; choose one above 1023 with --port", port);
    else if (errno == EADDRNOTAVAIL)
        say("this machine has no address %s; choose another with --listen", address);
    else
        say("cannot listen on %s port %d: %s", address, port, strerror(errno));
}

int listener_bind(const char *address, int64_t number)
{
    char port[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    snprintf(port, sizeof port, "%d", (int)number);
    int code = getaddrinfo(address, port, &hints, &addresses);
    if (code) {
        say("--listen %s is not an address: %s", address, gai_strerror(code));
        return -1;
    }
    int fd = bind_to(addresses);
    if (fd < 0)
        explain(address, (int)number);
    freeaddrinfo(addresses);
    return fd;
}

bool listener_listen(int fd)
{
    return listen(fd, SOMAXCONN) == 0 || say("cannot listen: %s", strerror(errno));
}
