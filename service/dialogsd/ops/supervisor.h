/*
 * supervisor.h - what systemd and its like want to know, and give: the protocols of sd_notify(3) and sd_listen_fds(3),
 * which are made to be spoken without systemd's library.
 */
#ifndef DIALOGSD_SUPERVISOR_H
#define DIALOGSD_SUPERVISOR_H

#include <stdbool.h>

/* "READY=1", "STOPPING=1" and so on, to whoever started us and listens. */
void supervisor_tell(const char *state);

/*
 * The sockets that we were started with, already listening: the first is for clients, one that is named "admin"
 * (LISTEN_FDNAMES) for operators. -1 for each that there is not. False, having said why, when they are no good.
 */
bool supervisor_sockets(int *fd, int *admin_fd);

#endif
