/* The thread that accepts connections: its limit, its patience when there are no descriptors, and its end under load.
 */
#include "http/acceptor.h"
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

enum { THREADS = 2, LIMIT = 4, ROUNDS = 200, CLIENTS = 6 };

static atomic_int refusals;  /* how often accept4() is still to fail */
static atomic_int reason;    /* with this */
static atomic_uint attempts; /* calls of it */

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    atomic_fetch_add(&attempts, 1);
    if (atomic_load(&refusals) <= 0)
        return __real_accept4(fd, address, length, flags);
    atomic_fetch_sub(&refusals, 1);
    errno = atomic_load(&reason);
    return -1;
}

/* ---- A server ---- */

struct server {
    struct MHD_Daemon *daemon;
    struct acceptor acceptor;
    int port;
    struct connections connections;
};

static enum MHD_Result say_hello(void *payload, struct MHD_Connection *connection, const char *path, const char *method,
                                 const char *version, const char *data, size_t *size, void **context)
{
    (void)payload, (void)path, (void)method, (void)version, (void)data, (void)size;
    static char hello[] = "hello";
    if (!*context) { /* the headers have come, and the body, of none, will */
        *context = hello;
        return MHD_YES;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(5, hello, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static void on_connection(void *payload, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    (void)connection, (void)context;
    struct server *server = payload;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED)
        acceptor_closed(&server->acceptor);
    else
        acceptor_began(&server->acceptor);
}

static int listen_somewhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, SOMAXCONN), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void server_open(struct server *server, unsigned limit, unsigned per_address)
{
    int fd = listen_somewhere(&server->port);
    connections_open(&server->connections, INT64_MAX / 2);
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET, 0, NULL,
                                      NULL, say_hello, NULL, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
                                      MHD_OPTION_CONNECTION_LIMIT, limit * THREADS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                                      per_address, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
    assert_non_null(server->daemon);
    assert_true(acceptor_start(&server->acceptor, server->daemon, fd, limit, &server->connections));
}

static void server_close(struct server *server)
{
    acceptor_stop(&server->acceptor);
    MHD_stop_daemon(server->daemon);
    acceptor_close(&server->acceptor);
}

/* ---- A client ---- */

static int connect_to(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Whether an answer comes in time; the connection stays open. */
static bool is_served(int fd, int patience_ms)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[512];
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1 &&
           poll(&poll_fd, 1, patience_ms) == 1 && recv(fd, answer, sizeof answer, 0) > 0;
}

/* The client sees its end a moment before the server counts it. */
static bool comes_to(atomic_uint *count, unsigned wanted)
{
    const struct timespec step = {.tv_nsec = 1000000};
    for (int i = 0; i < 10000 && atomic_load(count) != wanted; i++)
        nanosleep(&step, NULL);
    return atomic_load(count) == wanted;
}

/* ---- Tests ---- */

static void beyond_the_limit_clients_wait(void **state)
{
    (void)state;
    struct server server;
    int fds[LIMIT + 2];
    server_open(&server, LIMIT, 0);
    for (int i = 0; i < LIMIT + 2; i++)
        fds[i] = connect_to(server.port);
    for (int i = 0; i < LIMIT; i++)
        assert_true(is_served(fds[i], 5000));
    assert_false(is_served(fds[LIMIT], 1200)); /* also after the connections were counted anew */
    close(fds[0]);
    struct pollfd poll_fd = {.fd = fds[LIMIT], .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 5000), 1); /* its request is answered now */
    assert_false(is_served(fds[LIMIT + 1], 300));
    for (int i = 1; i < LIMIT + 2; i++)
        close(fds[i]);
    int fd = connect_to(server.port);
    assert_true(is_served(fd, 5000));
    close(fd);
    server_close(&server);
}

/* Refused by libmicrohttpd, a connection takes no place. */
static void who_is_refused_does_not_count(void **state)
{
    (void)state;
    struct server server;
    server_open(&server, LIMIT, 2);
    int first = connect_to(server.port), second = connect_to(server.port);
    assert_true(is_served(first, 5000));
    assert_true(is_served(second, 5000));
    for (int i = 0; i < 3 * LIMIT; i++) {
        int fd = connect_to(server.port);
        assert_false(is_served(fd, 2000)); /* closed at once */
        close(fd);
    }
    assert_true(is_served(first, 5000));
    assert_true(comes_to(&server.acceptor.open, 2));
    close(first);
    close(second);
    server_close(&server);
}

static void without_descriptors_it_pauses(void **state)
{
    (void)state;
    struct server server;
    server_open(&server, LIMIT, 0);
    atomic_store(&reason, EMFILE);
    atomic_store(&attempts, 0);
    atomic_store(&refusals, 5);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    int fd = connect_to(server.port);
    assert_true(is_served(fd, 10000)); /* not lost, only later */
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 450);
    assert_in_range(atomic_load(&attempts), 6, 8);
    close(fd);
    server_close(&server);
}

static void a_client_that_left_stops_nobody(void **state)
{
    (void)state;
    struct server server;
    server_open(&server, LIMIT, 0);
    atomic_store(&reason, ECONNABORTED);
    atomic_store(&attempts, 0);
    atomic_store(&refusals, 3);
    int fd = connect_to(server.port);
    assert_true(is_served(fd, 5000));
    assert_in_range(atomic_load(&attempts), 4, 6);
    close(fd);
    server_close(&server);
}

/* Who has connected before the stop is let in, and served until the server itself ends. */
static void the_backlog_is_served_at_the_stop(void **state)
{
    (void)state;
    struct server server;
    int fds[LIMIT];
    server_open(&server, LIMIT, 0);
    atomic_store(&reason, EMFILE);
    atomic_store(&attempts, 0);
    atomic_store(&refusals, 1000);
    for (int i = 0; i < LIMIT; i++)
        fds[i] = connect_to(server.port);
    while (atomic_load(&attempts) == 0)
        usleep(1000);
    atomic_store(&refusals, 0);
    acceptor_stop(&server.acceptor);
    assert_int_equal(connect_to(server.port), -1);
    for (int i = 0; i < LIMIT; i++) {
        assert_true(is_served(fds[i], 5000));
        close(fds[i]);
    }
    MHD_stop_daemon(server.daemon);
    acceptor_close(&server.acceptor);
}

static atomic_bool over;
static atomic_uint served;

static void *ask_until_over(void *payload)
{
    atomic_int *port = payload;
    while (!atomic_load(&over)) {
        int fd = connect_to(atomic_load(port));
        if (fd < 0)
            continue;
        for (int i = 0; i < 3 && is_served(fd, 1000); i++)
            atomic_fetch_add(&served, 1);
        close(fd);
    }
    return NULL;
}

/* libmicrohttpd would end the process here now and then, were it to stop accepting by itself. */
static void it_stops_under_load_again_and_again(void **state)
{
    (void)state;
    pthread_t clients[CLIENTS];
    atomic_int port = 0;
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, ask_until_over, &port), 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct server server;
        server_open(&server, LIMIT, 0);
        atomic_store(&served, 0);
        atomic_store(&port, server.port);
        while (atomic_load(&served) < 20)
            usleep(100);
        server_close(&server);
    }
    atomic_store(&over, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_the_limit_clients_wait),     cmocka_unit_test(who_is_refused_does_not_count),
        cmocka_unit_test(without_descriptors_it_pauses),     cmocka_unit_test(a_client_that_left_stops_nobody),
        cmocka_unit_test(the_backlog_is_served_at_the_stop), cmocka_unit_test(it_stops_under_load_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
