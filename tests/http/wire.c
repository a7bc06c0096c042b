#include "wire.h"

#include "check.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int wire_try(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

int wire_open(int port)
{
    int fd = wire_try(port);
    assert_true(fd >= 0);
    return fd;
}

bool wire_refused(int port)
{
    int fd = wire_try(port);
    if (fd >= 0)
        close(fd);
    return fd < 0;
}

bool wire_write(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

bool wire_say(int fd, const char *text)
{
    return wire_write(fd, text, strlen(text));
}

char *wire_read(int fd, int patience_ms, bool *closed)
{
    size_t length = 0, room = 65536;
    char *text = malloc(room + 1);
    *closed = false;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, patience_ms) != 1)
            break;
        if (length == room)
            text = realloc(text, (room *= 2) + 1);
        assert_non_null(text);
        ssize_t got = recv(fd, text + length, room - length, 0);
        if (got <= 0) {
            *closed = true;
            break;
        }
        length += (size_t)got;
    }
    text[length] = '\0';
    return text;
}

size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}
