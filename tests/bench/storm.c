/*
 * storm.c - requests to an HTTP service at a fixed rate, whether or not it answers: each is due at its time, and how
 * long it took counts from then, also when it had to wait for a free connection. What is due in the first second does
 * not count. Prints one JSON object.
 */
#include "clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PARTNERS = 20, HEAD = 2048, PIECE = 1 << 18, EVENTS = 512, LINGER_S = 10, WARM_S = 1 };

#define LAST_CHUNK "\r\n0\r\n\r\n" /* nothing of JSON has it */

struct connection {
    struct connection *next; /* among the free ones */
    int fd;
    double due;  /* of the request under way; 0: none */
    size_t had;  /* of the answer's head */
    size_t left; /* of the answer's body; only once the head is there */
    bool in_body;
    bool chunked;                 /* the body ends with LAST_CHUNK instead; */
    char tail[sizeof LAST_CHUNK]; /* its last bytes so far */
    int status;
    bool retry_after;
    char head[HEAD];
};

struct storm {
    int poll, port;
    struct connection *connections, *free;
    int count;
    char **requests;
    int request_count;
    double rate, seconds, began; /* what is due from then on counts */
    long issued, under_way, served, shed, failed;
    long in_time; /* of those served, before the end */
    double *took; /* of those served */
    unsigned seed;
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- Connections ---- */

static void connect_to(struct storm *storm, struct connection *connection)
{
    const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)storm->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(storm->poll, EPOLL_CTL_ADD, connection->fd, &event);
    connection->next = storm->free;
    storm->free = connection;
}

static void reconnect(struct storm *storm, struct connection *connection)
{
    close(connection->fd);
    connection->had = connection->left = 0;
    connection->due = 0;
    connection->in_body = false;
    connect_to(storm, connection);
}

/* ---- Answers ---- */

static void settle(struct storm *storm, struct connection *connection)
{
    double now = clock_now();
    bool served = connection->status >= 200 && connection->status < 300, counts = connection->due >= storm->began;
    if (served && counts)
        storm->took[storm->served++] = now - connection->due;
    storm->in_time += served && now >= storm->began && now < storm->began + storm->seconds;
    if (connection->status == 503 && connection->retry_after)
        storm->shed += counts;
    else if (!served)
        storm->failed++;
    storm->under_way--;
    connection->due = 0;
    connection->had = 0;
    connection->in_body = false;
    connection->next = storm->free;
    storm->free = connection;
}

static void read_chunks(struct connection *connection, const char *piece, size_t length)
{
    enum { TAIL = sizeof LAST_CHUNK - 1 };
    size_t take = length < TAIL ? length : TAIL, keep = TAIL - take;
    memmove(connection->tail, connection->tail + take, keep);
    memcpy(connection->tail + keep, piece + length - take, take);
    connection->left = memcmp(connection->tail, LAST_CHUNK, TAIL) != 0;
}

static void read_body(struct connection *connection, const char *piece, size_t length)
{
    if (connection->chunked)
        read_chunks(connection, piece, length);
    else
        connection->left -= length < connection->left ? length : connection->left;
}

/* Once the head is whole: how much of the body is still to come. */
static void read_head(struct connection *connection)
{
    connection->head[connection->had] = '\0';
    const char *end = strstr(connection->head, "\r\n\r\n");
    if (!end)
        return;
    const char *length = strcasestr(connection->head, "\r\nContent-Length: ");
    const char *retry = strcasestr(connection->head, "\r\nRetry-After: ");
    connection->chunked = strcasestr(connection->head, "\r\nTransfer-Encoding: chunked\r\n") != NULL;
    if ((!length && !connection->chunked) || sscanf(connection->head, "HTTP/1.1 %d", &connection->status) != 1) {
        fprintf(stderr, "cannot read: %s\n", connection->head);
        exit(1);
    }
    connection->retry_after = retry && atoi(retry + 15) > 0;
    connection->left = connection->chunked ? 1 : strtoul(length + 18, NULL, 10);
    connection->in_body = true;
    memset(connection->tail, 0, sizeof connection->tail);
    read_body(connection, end + 4, connection->had - (size_t)(end + 4 - connection->head));
}

/* False when the connection is over. */
static bool receive(struct storm *storm, struct connection *connection)
{
    static char piece[PIECE];
    char *to = connection->in_body ? piece : connection->head + connection->had;
    size_t room = connection->in_body ? sizeof piece : HEAD - 1 - connection->had;
    ssize_t got = recv(connection->fd, to, room, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    if (!connection->in_body) {
        connection->had += (size_t)got;
        read_head(connection);
    } else {
        read_body(connection, piece, (size_t)got);
    }
    if (connection->in_body && connection->left == 0)
        settle(storm, connection);
    return true;
}

static void take_answers(struct storm *storm, int patience_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(storm->poll, events, EVENTS, patience_ms);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (receive(storm, connection))
            continue;
        if (connection->due == 0)
            fail("the service closes idle connections");
        storm->under_way--;
        storm->failed++;
        reconnect(storm, connection);
    }
}

/* ---- Requests ---- */

static void issue(struct storm *storm, double due)
{
    struct connection *connection = storm->free;
    const char *request = storm->requests[rand_r(&storm->seed) % storm->request_count];
    size_t length = strlen(request);
    storm->free = connection->next;
    connection->due = due;
    storm->issued += due >= storm->began;
    storm->under_way++;
    if (send(connection->fd, request, length, MSG_NOSIGNAL) == (ssize_t)length)
        return;
    storm->under_way--;
    storm->failed++;
    reconnect(storm, connection);
}

static void run(struct storm *storm)
{
    double start = clock_now(), end = start + WARM_S + storm->seconds;
    long wanted = (long)(storm->rate * (end - start)), next = 0;
    storm->began = start + WARM_S;
    storm->took = calloc((size_t)wanted + 1, sizeof *storm->took);
    if (!storm->took)
        fail("memory");
    for (;;) {
        double now = clock_now();
        if (now >= end)
            break;
        for (; storm->free && next < wanted && start + (double)next / storm->rate <= now; next++)
            issue(storm, start + (double)next / storm->rate);
        take_answers(storm, storm->free && next < wanted ? 0 : 1);
    }
    while (storm->under_way > 0 && clock_now() < end + LINGER_S)
        take_answers(storm, 10);
    storm->failed += storm->under_way;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print(struct storm *storm)
{
    size_t count = (size_t)storm->served;
    qsort(storm->took, count, sizeof *storm->took, compare);
    printf("{\"offered\": %.1f, \"served\": %.1f, \"shed\": %.1f, \"failed\": %ld, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
           "\"max_ms\": %.2f}\n",
           (double)storm->issued / storm->seconds, (double)storm->in_time / storm->seconds,
           (double)storm->shed / storm->seconds, storm->failed, count ? storm->took[count / 2] * 1e3 : 0,
           count ? storm->took[count * 99 / 100] * 1e3 : 0, count ? storm->took[count - 1] * 1e3 : 0);
}

/* ---- Arguments ---- */

/* Every caller with every partner. */
static void make_requests(struct storm *storm, const char *path, const char *body, char **headers, int count)
{
    const char *place = strstr(path, "PARTNER");
    if (!place || !count) {
        fputs("a path with PARTNER and a header are wanted\n", stderr);
        exit(2);
    }
    storm->request_count = count * PARTNERS;
    storm->requests = calloc((size_t)storm->request_count, sizeof *storm->requests);
    for (int i = 0; storm->requests && i < storm->request_count; i++) {
        char more[128] = "";
        if (*body)
            snprintf(more, sizeof more, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
        if (asprintf(&storm->requests[i],
                     "%s %.*s00000000-0000-0000-0000-%012x%s HTTP/1.1\r\nHost: x\r\n%s\r\n%s\r\n%s",
                     *body ? "POST" : "GET", (int)(place - path), path, i % PARTNERS + 1, place + 7,
                     headers[i / PARTNERS], more, body) < 0)
            fail("memory");
    }
}

int main(int argc, char **argv)
{
    if (argc < 8) {
        fputs("usage: bench_storm PORT CONNECTIONS RATE SECONDS PATH BODY HEADER...\n", stderr);
        return 2;
    }
    struct storm storm = {
        .port = atoi(argv[1]), .count = atoi(argv[2]), .rate = atof(argv[3]), .seconds = atof(argv[4])};
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    make_requests(&storm, argv[5], argv[6], argv + 7, argc - 7);
    storm.poll = epoll_create1(EPOLL_CLOEXEC);
    storm.connections = calloc((size_t)storm.count, sizeof *storm.connections);
    if (!storm.requests || !storm.connections || storm.poll < 0)
        fail("start");
    for (int i = 0; i < storm.count; i++)
        connect_to(&storm, &storm.connections[i]);
    run(&storm);
    print(&storm);
    for (int i = 0; i < storm.request_count; i++)
        free(storm.requests[i]);
    free(storm.requests);
    free(storm.connections);
    free(storm.took);
    return 0;
}
