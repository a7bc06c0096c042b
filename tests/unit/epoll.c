/* A libmicrohttpd that stops to accept: whichever of its threads comes second. */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

enum { CONNECTIONS = 32, THREADS = 2 };

static _Thread_local bool stopping; /* this thread stops the server */
static int removals;                /* by that one */
static int connections[CONNECTIONS];

/* A whole answer on each connection: every thread of the server has been awake. */
static void wake_all(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for (int i = 0; i < CONNECTIONS; i++)
        assert_int_equal(send(connections[i], request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    for (int i = 0; i < CONNECTIONS; i++) {
        char answer[512];
        size_t length = 0;
        do {
            ssize_t got = recv(connections[i], answer + length, sizeof answer - 1 - length, 0);
            assert_true(got > 0);
            length += (size_t)got;
            answer[length] = '\0';
        } while (!strstr(answer, "\r\n\r\nhello"));
    }
}

/* Before the stopping thread takes the socket out of an epoll, the epoll's own thread has done it. */
long __wrap_syscall(long number, ...)
{
    va_list list;
    va_start(list, number);
    int epoll = va_arg(list, int), what = va_arg(list, int), fd = va_arg(list, int);
    struct epoll_event *event = va_arg(list, struct epoll_event *);
    va_end(list);
    if (stopping && what == EPOLL_CTL_DEL) {
        removals++;
        wake_all();
    }
    return __real_syscall(number, epoll, what, fd, event);
}

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

static int connect_to(struct MHD_Daemon *daemon)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void a_server_that_stops_to_accept_goes_on(void **state)
{
    (void)state;
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, say_hello,
                                                 NULL, MHD_OPTION_THREAD_POOL_SIZE, THREADS, MHD_OPTION_END);
    assert_non_null(daemon);
    for (int i = 0; i < CONNECTIONS; i++)
        connections[i] = connect_to(daemon);
    wake_all();
    stopping = true;
    int fd = MHD_quiesce_daemon(daemon);
    stopping = false;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(removals, THREADS);
    wake_all();
    MHD_stop_daemon(daemon);
    for (int i = 0; i < CONNECTIONS; i++)
        close(connections[i]);
}

static void other_failures_are_told(void **state)
{
    (void)state;
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC), fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    close(fd);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), -1);
    assert_int_equal(errno, EBADF);
    close(epoll);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_stops_to_accept_goes_on),
        cmocka_unit_test(other_failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
