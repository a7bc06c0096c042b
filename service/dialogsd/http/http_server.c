#include "http/http_server.h"

#include "http/head_checks.h"
#include "http/request_lifecycle.h"
#include "ops/certificate.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Descriptors for everything but connections: the database's, files, epoll. */
static const rlim_t other_descriptors = 256;

enum { ADMIN_CONNECTIONS = 64 };

static void *on_request_line(void *payload, const char *uri, struct MHD_Connection *connection)
{
    return ctx_new(payload, connection, uri);
}

static enum MHD_Result on_request(void *payload, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **context)
{
    (void)payload;
    (void)connection;
    struct request_ctx *ctx = *context;
    if (ctx) {
        ctx->line.version = version;
        ctx->http_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
    }
    return ctx ? lifecycle_run(ctx, path, method, data, size) : MHD_NO;
}

static void on_completed(void *payload, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode reason)
{
    (void)payload;
    (void)connection;
    struct request_ctx *ctx = *context;
    if (ctx)
        lifecycle_end(ctx, reason == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    *context = NULL;
}

static void on_connection(void *payload, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = payload;
    struct service *service = server->service;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context)
            connections_remove(&service->connections, *context);
        acceptor_closed(&server->acceptor);
        return;
    }
    acceptor_began(&server->acceptor);
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    struct sockaddr_storage address = {0}; /* libmicrohttpd knows its network only */
    socklen_t length = sizeof address;
    getpeername(fd, (struct sockaddr *)&address, &length);
    struct client_connection *client = connections_add(&service->connections, fd, (struct sockaddr *)&address);
    if (client)
        client->admin = server->admin;
    *context = client;
}

/* As many connections as were asked for, if the system gives us the descriptors. */
static unsigned connection_limit(const struct config *config)
{
    struct rlimit files;
    rlim_t wanted = (rlim_t)config->connections + other_descriptors;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < wanted) {
        files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
        setrlimit(RLIMIT_NOFILE, &files);
        if (files.rlim_cur < wanted && files.rlim_cur > 2 * other_descriptors) {
            say("the limit of open files allows only %llu connections: raise it (ulimit -n)",
                (unsigned long long)(files.rlim_cur - other_descriptors));
            return (unsigned)(files.rlim_cur - other_descriptors);
        }
    }
    return (unsigned)config->connections;
}

/* The acceptor keeps to the limit: each thread may have all connections, and libmicrohttpd divides what it is told. */
static struct MHD_Daemon *start_daemon(struct http_server *server, unsigned limit)
{
    struct service *service = server->service;
    const struct config *config = &service->config;
    unsigned threads = server->admin ? 1 : (unsigned)config->threads < limit ? (unsigned)config->threads : limit;
    unsigned tls = config->tls_certificate && !server->admin ? MHD_USE_TLS : 0;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | tls;
    const struct MHD_OptionItem pool[] = {
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem secure[] = {
        {tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, 0, (void *)config->tls_priorities},
        {tls ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END, 0, (void *)(uintptr_t)certificate_choose},
        {MHD_OPTION_END, 0, NULL},
    };
    int strict = !head_lies_as_it_came(); /* else it has two heads for one answer to a request without Host */
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, service, MHD_OPTION_STRICT_FOR_CLIENT, strict, MHD_OPTION_CONNECTION_LIMIT,
        limit * threads, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)config->header_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)config->idle_timeout_s, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        server->admin ? 0 : (unsigned)config->connections_per_address, MHD_OPTION_URI_LOG_CALLBACK, on_request_line,
        service, MHD_OPTION_NOTIFY_COMPLETED, on_completed, service, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        server, MHD_OPTION_ARRAY, pool, MHD_OPTION_ARRAY, secure, MHD_OPTION_END);
    if (!daemon)
        say("cannot start the HTTP server: %s", strerror(errno));
    return daemon;
}

bool http_server_start(struct http_server *server, struct service *service, int fd, bool admin)
{
    unsigned limit = admin ? ADMIN_CONNECTIONS : connection_limit(&service->config);
    server->service = service;
    server->admin = admin;
    server->daemon = start_daemon(server, limit);
    if (!server->daemon)
        return false;
    if (acceptor_start(&server->acceptor, server->daemon, fd, limit, &service->connections))
        return true;
    MHD_stop_daemon(server->daemon);
    return false;
}

void http_server_stop_accepting(struct http_server *server)
{
    acceptor_stop(&server->acceptor);
}

void http_server_stop(struct http_server *server)
{
    MHD_stop_daemon(server->daemon);
    acceptor_close(&server->acceptor);
}
