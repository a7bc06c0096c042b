/* private_server.h - the PostgreSQL server of one directory; embedded.c says who calls it when. */
#ifndef DIALOGS_PRIVATE_SERVER_H
#define DIALOGS_PRIVATE_SERVER_H

#include "embedded/account.h"

#include <dialogs.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PRIVATE_SERVER_LOCK "server.lock"

struct private_server {
    char *path;    /* of DIR */
    int directory; /* DIR */
    int lock;      /* server.lock, only to ask whether it is held */
    int run;       /* DIR/run; it, and what follows, by private_server_prepare() */
    struct account account;
    char *conninfo;
    char host[80]; /* a socket's address has room for it and the socket's name */
};

/* Finds whom the server runs as, makes DIR/run, and knows then how to reach the server. */
int private_server_prepare(struct private_server *server, dlg_error **error);

/*
 * Starts the server unless it runs, making its data when there is none, and waits until it lets
 * clients in; one that is just ending is waited for and started again.
 */
int private_server_serve(const struct private_server *server, int64_t deadline_us, dlg_error **error);

/* Stops it: connections are ended, everything committed is on the disk. Waits for its end. */
void private_server_stop(const struct private_server *server, int64_t deadline_us);

/* Frees and closes everything; the server is left as it is. */
void private_server_free(struct private_server *server);

#endif
