/* http_server.h - HTTP: libmicrohttpd's threads around the service. */
#ifndef DIALOGSD_HTTP_SERVER_H
#define DIALOGSD_HTTP_SERVER_H

#include "http/service.h"

#include <microhttpd.h>

/* Serves connections of `fd`, which becomes the server's. NULL, having said why, when it cannot. */
struct MHD_Daemon *http_server_start(struct service *service, int fd);

/* Lets nobody in any more; those that are in are served on. */
void http_server_stop_accepting(struct MHD_Daemon *daemon);

/* Closes all connections. No request may be waiting for the library. */
void http_server_stop(struct MHD_Daemon *daemon);

#endif
