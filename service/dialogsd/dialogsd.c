/* dialogsd - serves dialogs between users over HTTP. */
#include "common/service_clock.h"
#include "http/http_server.h"
#include "http/limits.h"
#include "http/turns.h"
#include "live/replicas.h"
#include "ops/certificate.h"
#include "ops/listener.h"
#include "ops/supervisor.h"
#include "routes/routes.h"

#include <dialogs.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TICK_MS = 500, POLL_MS = 5, FLUSH_MS = 500 };

/* The next of these signals, or 0 after `milliseconds`. */
static int next_signal(const sigset_t *signals, int64_t milliseconds)
{
    struct timespec wait = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    int number = sigtimedwait(signals, NULL, &wait);
    return number > 0 ? number : 0;
}

static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void sweep_tokens_each_minute(struct service *service)
{
    enum { EVERY_US = 60 * 1000000 };
    static int64_t next_us;
    if (monotonic_us() < next_us)
        return;
    next_us = monotonic_us() + EVERY_US;
    revoked_tokens_sweep(&service->revoked_tokens, wall_us());
}

/* The log may have been rotated, and the certificate renewed. */
static void files_reopen(struct service *service)
{
    const struct config *config = &service->config;
    service_log_reopen(&service->log);
    if (config->tls_certificate && certificate_load(config->tls_certificate, config->tls_key))
        say("new connections see the certificate in %s from now on", config->tls_certificate);
}

/* Until a signal to stop; returns false when the database made it pointless to go on. */
static bool serve(struct service *service, const sigset_t *signals)
{
    for (;;) {
        int number = next_signal(signals, TICK_MS);
        if (number == SIGTERM || number == SIGINT)
            return true;
        if (number == SIGHUP)
            files_reopen(service);
        if (atomic_load(&service->backend.fatal))
            return false;
        service_log_flush(&service->log);
        connections_sweep(&service->connections);
        backend_watch(&service->backend);
        memory_budget_trim(&service->memory);
        subscriptions_tick(&service->subscriptions, monotonic_us(), wall_us());
        sweep_tokens_each_minute(service);
        turns_expire(service);
    }
}

/*
 * Until every request is answered, or the time is over, or a second signal says so. At least for a moment: a request
 * that has arrived is not counted before its first line is read.
 */
static void wait_for_requests(struct service *service, const sigset_t *signals, int64_t milliseconds)
{
    int64_t end = monotonic_us() + milliseconds * 1000;
    do {
        subscriptions_end(&service->subscriptions); /* also those that have only just begun */
        int number = next_signal(signals, POLL_MS);
        if (number == SIGTERM || number == SIGINT)
            return;
    } while (atomic_load(&service->active) > 0 && monotonic_us() < end);
}

struct servers {
    struct http_server clients;
    struct http_server operators; /* of --admin-port */
    bool has_operators;
};

/* The sockets that connections come to; -1 for what there is none of. */
struct sockets {
    int clients;
    int operators;
};

static void servers_stop(struct servers *servers)
{
    http_server_stop(&servers->clients);
    if (!servers->has_operators)
        return;
    http_server_stop_accepting(&servers->operators);
    http_server_stop(&servers->operators);
}

static bool servers_start(struct servers *servers, struct service *service, const struct sockets *sockets)
{
    *servers = (struct servers){0};
    service->has_operators = sockets->operators >= 0;
    if (sockets->operators >= 0) {
        servers->has_operators = listener_listen(sockets->operators) &&
                                 http_server_start(&servers->operators, service, sockets->operators, true);
        if (!servers->has_operators)
            return false;
    }
    if (listener_listen(sockets->clients) && http_server_start(&servers->clients, service, sockets->clients, false))
        return true;
    if (servers->has_operators) {
        http_server_stop_accepting(&servers->operators);
        http_server_stop(&servers->operators);
    }
    return false;
}

/* Operators are answered to the end. */
static void drain_requests(struct service *service, struct servers *servers, const sigset_t *signals)
{
    atomic_store(&service->backend.draining, true);
    http_server_stop_accepting(&servers->clients);
    wait_for_requests(service, signals, service->config.drain_timeout_s * 1000);
    backend_close(&service->backend);
    wait_for_requests(service, signals, FLUSH_MS);
    servers_stop(servers);
}

static void name_requests(struct service *service)
{
    dlg_uuid random;
    dlg_uuid_random(&random);
    for (size_t i = 0; i < 8; i++)
        snprintf(service->request_prefix + 2 * i, 3, "%02x", random.bytes[i]);
}

/* With the port taken and the log open: from the database on to the end. */
static bool run_service(struct service *service, const struct sockets *sockets, const sigset_t *signals)
{
    if (!backend_open(&service->backend, &service->config))
        return false;
    struct servers servers;
    if (!replicas_open(&service->replicas, service->config.redis) || !servers_start(&servers, service, sockets)) {
        backend_close(&service->backend);
        replicas_close(&service->replicas);
        return false;
    }
    say("serving on %s://%s:%d/", service->config.tls_certificate ? "https" : "http", service->config.listen,
        (int)service->config.port);
    supervisor_tell("READY=1");
    bool good = serve(service, signals);
    supervisor_tell("STOPPING=1");
    drain_requests(service, &servers, signals);
    replicas_close(&service->replicas);
    return good;
}

static bool tls_ready(const struct config *config)
{
    return !config->tls_certificate || (certificate_load(config->tls_certificate, config->tls_key) &&
                                        certificate_check_priorities(config->tls_priorities));
}

/* From the supervisor, or our own. */
static bool sockets_take(const struct config *config, struct sockets *sockets)
{
    if (!supervisor_sockets(&sockets->clients, &sockets->operators))
        return false;
    if (sockets->clients < 0)
        sockets->clients = listener_bind(config->listen, config->port);
    if (sockets->clients >= 0 && sockets->operators < 0 && config->admin_port) {
        sockets->operators = listener_bind(config->admin_listen, config->admin_port);
        return sockets->operators >= 0;
    }
    return sockets->clients >= 0;
}

static int serve_config(struct service *service)
{
    sigset_t signals;
    block_signals(&signals);
    name_requests(service);
    service->routes = &all_routes;
    service->replicas.subscriptions = &service->subscriptions;
    service->replicas.revoked_tokens = &service->revoked_tokens;
    service->replicas.rate_limit = &service->rate_limit;
    struct sockets sockets;
    if (!sockets_take(&service->config, &sockets))
        return EXIT_FAILURE;
    memory_budget_open(&service->memory, (size_t)service->config.memory_mib * 1024 * 1024 / 2);
    connections_open(&service->connections,
                     (service->config.idle_timeout_s + service->config.request_timeout_s) * 1000000);
    limits_open(service);
    revoked_tokens_open(&service->revoked_tokens);
    subscriptions_open(&service->subscriptions, &service->memory, service->config.heartbeat_s * 1000000,
                       service->config.catch_up_s * 1000000);
    const struct config *config = &service->config;
    bool good = tls_ready(config) && service_log_open(&service->log, service->config.log) &&
                static_files_open(&service->static_files, service->config.pages) &&
                run_service(service, &sockets, &signals);
    certificate_close();
    service_log_close(&service->log);
    static_files_close(&service->static_files);
    subscriptions_close(&service->subscriptions);
    revoked_tokens_close(&service->revoked_tokens);
    limits_close(service);
    connections_close(&service->connections);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What would keep it from serving, as far as that can be seen without a database. */
static int check_config(const struct config *config)
{
    bool good = tls_ready(config);
    certificate_close();
    if (!good || !backend_check(config))
        return EXIT_FAILURE;
    puts("the configuration is good");
    return EXIT_SUCCESS;
}

static void print_routes(void)
{
    for (size_t i = 0; i < all_routes.count; i++)
        printf("%s %s\n", all_routes.routes[i].method, all_routes.routes[i].pattern);
}

int main(int count, char **arguments)
{
    enum { BAD_USAGE = 2 };
    static struct service service;
    int result = EXIT_SUCCESS;
    if (!config_read(&service.config, count, arguments))
        result = BAD_USAGE;
    else if (service.config.action == CONFIG_HELP)
        config_help(stdout);
    else if (service.config.action == CONFIG_VERSION)
        printf("dialogsd %s\n", dlg_version());
    else if (service.config.action == CONFIG_ROUTES)
        print_routes();
    else if (service.config.action == CONFIG_CHECK)
        result = check_config(&service.config);
    else
        result = serve_config(&service);
    config_free(&service.config);
    return result;
}
