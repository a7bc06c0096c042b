/* http_server.h - HTTP: libmicrohttpd's threads around the service. */
#ifndef DIALOGSD_HTTP_SERVER_H
#define DIALOGSD_HTTP_SERVER_H

#include "http/acceptor.h"
#include "http/service.h"

struct http_server {
    struct service *service;
    struct MHD_Daemon *daemon;
    struct acceptor acceptor;
    bool admin; /* for operators: few connections, a thread of its own, no TLS, and calls of theirs alone */
};

/* Serves connections of `fd`, which becomes the server's. False, having said why, when it cannot. */
bool http_server_start(struct http_server *server, struct service *service, int fd, bool admin);

/* Lets nobody in any more; those that are in are served on. */
void http_server_stop_accepting(struct http_server *server);

/* Closes all connections. No request may be waiting for the library. */
void http_server_stop(struct http_server *server);

#endif
