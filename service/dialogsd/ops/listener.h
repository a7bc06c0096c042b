/* listener.h - the socket that connections come to. */
#ifndef DIALOGSD_LISTENER_H
#define DIALOGSD_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the port, but lets nobody in yet. Returns -1, having said why, when that cannot be. */
int listener_bind(const char *address, int64_t port);

/* Lets connections in. */
bool listener_listen(int fd);

#endif
