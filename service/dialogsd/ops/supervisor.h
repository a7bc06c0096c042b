/*
 * supervisor.h - what systemd and its like want to know, and give: the protocols of sd_notify(3) and sd_listen_fds(3),
 * which are made to be spoken without systemd's library.
 */
#ifndef DIALOGSD_SUPERVISOR_H
#define DIALOGSD_SUPERVISOR_H

/* "READY=1", "STOPPING=1" and so on, to whoever started us and listens. */
void supervisor_tell(const char *state);

/* The socket that we were started with, already listening; -1 when there is none, -2, having said why, when it is no
 * good. */
int supervisor_socket(void);

#endif
