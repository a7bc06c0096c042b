/* HTTP itself, byte by byte: what clients do, and what they should not. */
#include "check.h"
#include "wire.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int port(void)
{
    return world.process.port;
}

/* What comes back for these bytes. */
static char *talk(const char *text, bool *closed)
{
    int fd = wire_open(port());
    assert_true(wire_say(fd, text));
    char *back = wire_read(fd, 400, closed);
    close(fd);
    return back;
}

/* What comes, once something does. */
static char *wait_for_answer(int fd, bool *closed)
{
    char *back = wire_read(fd, 100, closed);
    for (int i = 0; i < 200 && !*back && !*closed; i++) {
        free(back);
        back = wire_read(fd, 100, closed);
    }
    return back;
}

static void many_requests_on_one_connection(void **state)
{
    (void)state;
    bool closed;
    int fd = wire_open(port());
    for (int i = 0; i < 20; i++) {
        assert_true(wire_say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
        char *back = wait_for_answer(fd, &closed);
        assert_int_equal(count_of(back, "HTTP/1.1 200"), 1);
        assert_false(closed);
        free(back);
    }
    close(fd);
}

/* Requests that arrive together are answered one after the other, also those that wait for the database. */
static void pipelined_requests(void **state)
{
    (void)state;
    enum { REQUESTS = 40 };
    bool closed;
    char request[2048], body[64];
    int fd = wire_open(port());
    for (int i = 0; i < REQUESTS; i++) {
        int length = snprintf(body, sizeof body, "{\"text\":\"pipe %02d\"}", i);
        snprintf(request, sizeof request,
                 "POST /dialog/%s/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                 "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                 world.boris.id, world.anna.token, length, body);
        assert_true(wire_say(fd, request));
    }
    char *back = wire_read(fd, 1000, &closed);
    assert_int_equal(count_of(back, "HTTP/1.1 200"), REQUESTS);
    free(back);
    close(fd);
    json_t *list = person_list(port(), &world.anna, &world.boris);
    assert_int_equal(json_array_size(list), REQUESTS);
    for (size_t i = 0; i < REQUESTS; i++) {
        snprintf(body, sizeof body, "pipe %02zu", i);
        assert_string_equal(json_string_value(json_object_get(json_array_get(list, i), "text")), body);
    }
    json_decref(list);
}

static void chunked_bodies(void **state)
{
    (void)state;
    bool closed;
    char request[2048];
    snprintf(request, sizeof request,
             "POST /dialog/%s/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\n{\"t\r\n8;ext=1\r\next\":\"ch\r\n8\r\nunked\"} \r\n0\r\nTrailer: x\r\n\r\n",
             world.clara.id, world.anna.token);
    char *back = talk(request, &closed);
    assert_int_equal(count_of(back, "HTTP/1.1 200"), 1);
    free(back);
    json_t *list = person_list(port(), &world.anna, &world.clara);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "text")), "chunked");
    json_decref(list);
}

/* What another server may take for a part of the body is not taken for a request. */
static void nothing_follows_a_chunked_body(void **state)
{
    (void)state;
    bool closed;
    char *back = talk("POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
                      "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
                      &closed);
    assert_int_equal(count_of(back, "HTTP/1.1 400"), 1);
    assert_int_equal(count_of(back, "HTTP/1.1"), 1);
    assert_true(closed);
    free(back);
}

static void bodies_that_come_late_and_in_pieces(void **state)
{
    (void)state;
    bool closed;
    char request[2048];
    static const char body[] = "{\"id\":\"no-id\",\"password\":\"x\"}";
    int fd = wire_open(port());
    snprintf(request, sizeof request, "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    assert_true(wire_say(fd, request));
    for (size_t i = 0; i < strlen(body); i++) {
        assert_true(wire_write(fd, body + i, 1));
        pause_ms(2);
    }
    char *back = wire_read(fd, 300, &closed);
    assert_int_equal(count_of(back, "HTTP/1.1 400"), 1);
    free(back);
    close(fd);
}

static void expects_continue(void **state)
{
    (void)state;
    bool closed;
    int fd = wire_open(port());
    assert_true(wire_say(fd, "POST /login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    char *back = wire_read(fd, 300, &closed);
    assert_string_equal(back, "HTTP/1.1 100 Continue\r\n\r\n");
    free(back);
    assert_true(wire_say(fd, "{}"));
    back = wire_read(fd, 300, &closed);
    assert_int_equal(count_of(back, "HTTP/1.1 400"), 1);
    free(back);
    close(fd);
    back = talk("POST /login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", &closed);
    assert_int_equal(count_of(back, "HTTP/1.1 413"), 1);
    assert_true(closed);
    free(back);
    back = talk("GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"
                "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
                &closed);
    assert_int_equal(count_of(back, "HTTP/1.1 200"), 2);
    free(back);
}

static void http_1_0(void **state)
{
    (void)state;
    bool closed;
    char *back = talk("GET /healthz HTTP/1.0\r\n\r\n", &closed);
    assert_int_equal(count_of(back, " 200 OK"), 1);
    assert_true(closed);
    free(back);
}

static void head_and_options(void **state)
{
    (void)state;
    bool closed;
    char request[2048];
    const char *const heads[] = {"/events", dialog_path(&world.boris, "list"), "/healthz"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", heads[i],
                 world.anna.token);
        char *back = talk(request, &closed);
        assert_int_equal(count_of(back, "HTTP/1.1 200"), 1);
        assert_string_equal(strstr(back, "\r\n\r\n"), "\r\n\r\n"); /* no body, and no end of one */
        free(back);
    }
    snprintf(request, sizeof request,
             "HEAD /dialog/%s/list?limit=5 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
             "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
             world.boris.id, world.anna.token);
    char *back = talk(request, &closed);
    assert_int_equal(count_of(back, "HTTP/1.1 200"), 2);
    assert_int_equal(count_of(back, "\"from\""), 0);
    free(back);
    static const char *const cases[][2] = {{"/login", "Allow: POST, OPTIONS"},
                                           {"/dialog/x/list", "Allow: GET, HEAD, OPTIONS"},
                                           {"/swagger/index.html", "Allow: GET, HEAD, OPTIONS"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(request, sizeof request, "OPTIONS %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i][0]);
        back = talk(request, &closed);
        assert_int_equal(count_of(back, "HTTP/1.1 204"), 1);
        assert_int_equal(count_of(back, cases[i][1]), 1);
        free(back);
    }
}

/* What is no HTTP is refused, and its connection closed; the service goes on. */
static void malformed_requests(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "\r\n\r\n\r\n\r\nnonsense\r\n\r\n",
        "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /heal thz HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    bool closed;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char *back = talk(requests[i], &closed);
        assert_int_equal(count_of(back, " 200 "), 0);
        assert_true(closed);
        free(back);
    }
    char *back = talk("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", &closed);
    assert_int_equal(count_of(back, " 200 "), 1);
    free(back);
}

/* What two servers may read in two ways is refused, whatever libmicrohttpd makes of it, and its connection closed. */
static void ambiguous_heads(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *status;
    } cases[] = {
        {"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\n{}", " 400 "},
        {"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n 2\r\n\r\n{}", " 400 "},
        {"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n 2\r\n\r\n{}", " 400 "},
        {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\tc\r\n\r\n", " 400 "},
        {"GET /healthz HTTP/1.1\r\n X-A: b\r\nHost: x\r\n\r\n", " 400 "},
        {"GET /healthz HTTP/1.1\r\nHost: x\r\nX(A): b\r\n\r\n", " 400 "},
        {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\rc\r\n\r\n", " 400 "},
        {"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", " 400 "},
        {"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", " 501 "},
        {"GET /healthz HTTP/1.1\r\n\r\n", " 400 "},
        {"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", " 400 "},
        {"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         " 400 "},
        {"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\n", " 501 "},
        {"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", " 501 "},
        {"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n{}", " 501 "},
        {"POST /login HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", " 400 "},
    };
    bool closed;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *back = talk(cases[i].head, &closed);
        if (count_of(back, cases[i].status) != 1 || count_of(back, "HTTP/1.1") != 1 || !closed)
            fail_msg("%s: %s", cases[i].head, back);
        free(back);
    }
}

/* Bytes that libmicrohttpd takes for the end of a word or a line, and others do not: refused likewise. */
static void bytes_that_are_read_in_two_ways(void **state)
{
    (void)state;
#define BYTES(bytes)               \
    {                              \
        (bytes), sizeof(bytes) - 1 \
    }
#define CHUNKS(bytes) BYTES("POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" bytes)
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\0y\r\nX-A: b\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\0\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\nX\0A: b\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\n\0X-A: b\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\n\0\r\n\r\n"),
        BYTES("GET /healthz\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("GET /healthz?a=\0b HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("GET\0 /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\nHost: x\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\n\n"),
        BYTES("GET /healthz HTTP/1.1\nHost: x\n\n"),
        BYTES("GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("GET /hea\tlthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("GET /healthz?\x7f HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("G@T /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x y\r\n\r\n"),
        BYTES("GET /healthz HTTP/1.1\r\nHost: x/y\r\n\r\n"),
        BYTES("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-A: b\n\r\n{}"),
        BYTES("POST /login HTTP/1.1\r\nHost: x\nContent-Length: 2\r\n\r\n\0}"),
        CHUNKS("2\n{}\r\n0\r\n\r\n"),
        CHUNKS("1\r\n{\n1\r\n}\r\n0\r\n\r\n"),
        CHUNKS("2;a\rb\r\n{}\r\n0\r\n\r\n"),
        CHUNKS("2;a\0b\r\n{}\r\n0\r\n\r\n"),
    };
    bool closed;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = wire_open(port());
        assert_true(wire_write(fd, cases[i].bytes, cases[i].length));
        char *back = wire_read(fd, 1000, &closed);
        if (strncmp(back, "HTTP/1.1 400 ", 13) != 0 || count_of(back, "HTTP/1.1") != 1 || !closed)
            fail_msg("case %zu, %s: %s", i, cases[i].bytes, back);
        free(back);
        close(fd);
    }
}

/* Blanks around a value are not of it. */
static void blanks_around_values(void **state)
{
    (void)state;
    bool closed;
    char request[1024];
    for (int i = 0; i < 2; i++) {
        snprintf(request, sizeof request,
                 "POST /dialog/%s/send HTTP/1.1\r\nHost: x \r\nAuthorization: \t Bearer  %s \t\r\n"
                 "Content-Type: application/json \r\nIdempotency-Key:%s\r\nContent-Length: 14\r\n\r\n"
                 "{\"text\":\"key\"}",
                 world.boris.id, world.anna.token, i ? "blank" : " blank \t ");
        char *back = talk(request, &closed);
        assert_int_equal(count_of(back, " 200 "), 1);
        assert_int_equal(count_of(back, "Message-Duplicate: true"), i);
        free(back);
    }
}

/* RFC 9112, 3.2.2: a server takes the absolute form, as a proxy gets it. */
static void absolute_targets(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *status;
    } cases[] = {{"http://example.com/healthz", " 200 "},
                 {"HTTPS://example.com:5000/healthz", " 200 "},
                 {"http://example.com/healthz?x=1", " 200 "},
                 {"http://example.com/none", " 404 "},
                 {"http://example.com", " 302 "},
                 {"ftp://example.com/healthz", " 404 "}};
    bool closed;
    char request[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].target);
        char *back = talk(request, &closed);
        if (count_of(back, cases[i].status) != 1)
            fail_msg("%s: %s", cases[i].target, back);
        free(back);
    }
}

/* Who has no token need not send the body: the service does not keep it. */
static void a_body_without_a_token(void **state)
{
    (void)state;
    enum { LONG = 300000 };
    bool closed;
    char *request = malloc(LONG + 256);
    int length = snprintf(request, 256,
                          "POST /dialog/%s/send HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                          "Content-Length: %d\r\n\r\n",
                          world.boris.id, LONG);
    memset(request + length, ' ', LONG);
    int fd = wire_open(port());
    assert_true(wire_write(fd, request, (size_t)length + LONG / 2));
    double held = -1;
    for (int i = 0; i < 50; i++) {
        held = metric_value(port(), "dialogsd_memory_bytes");
        assert_true(held >= 0 && held < LONG / 2.0);
        pause_ms(4);
    }
    assert_true(wire_write(fd, request + length + LONG / 2, LONG / 2));
    char *back = wire_read(fd, 400, &closed);
    assert_int_equal(count_of(back, " 401 "), 1);
    free(back);
    close(fd);
    free(request);
}

static void a_head_that_is_too_long(void **state)
{
    (void)state;
    bool closed;
    static char request[80000];
    snprintf(request, sizeof request, "%s", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ");
    memset(request + strlen(request), 'a', sizeof request - 1 - strlen(request));
    int fd = wire_open(port());
    wire_say(fd, request);
    char *back = wire_read(fd, 500, &closed);
    assert_true(closed);
    assert_int_equal(count_of(back, " 200 "), 0);
    free(back);
    close(fd);
    snprintf(request, sizeof request, "GET /");
    memset(request + 5, 'a', sizeof request - 6);
    fd = wire_open(port());
    wire_say(fd, request);
    back = wire_read(fd, 500, &closed);
    assert_true(closed);
    free(back);
    close(fd);
}

/* A client that sends a byte now and then has only so long for one request; others are not kept waiting. */
static void a_client_that_is_too_slow(void **state)
{
    (void)state;
    enum { SLOW = 30 };
    struct process process;
    int fds[SLOW];
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--idle-timeout", "1", "--request-timeout", "1", NULL});
    process_wait_ready(&process);
    for (int i = 0; i < SLOW; i++) {
        fds[i] = wire_open(process.port);
        assert_true(wire_say(fds[i], i % 2 ? "GET /healthz HTTP/1.1\r\nX: "
                                           : "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n"));
    }
    int open = SLOW, waited = 0;
    for (; open > 0 && waited < 10000; waited += 200) {
        struct answer answer;
        pause_ms(200);
        call_expect(&answer, &(struct call){.port = process.port, .path = "/healthz"}, 200);
        answer_free(&answer);
        for (int i = 0; i < SLOW; i++) {
            bool closed = false;
            if (fds[i] < 0)
                continue;
            wire_say(fds[i], "a");
            free(wire_read(fds[i], 0, &closed));
            if (closed) {
                close(fds[i]);
                fds[i] = -1;
                open--;
            }
        }
    }
    assert_int_equal(open, 0);
    assert_true(waited >= 1000);
    process_stop(&process);
}

/* Its end may come together with the last of its bytes. Nothing is kept for it until a timeout. */
static void a_client_that_goes_in_the_midst(void **state)
{
    (void)state;
    enum { CLIENTS = 200, LENGTH = 60000 };
    struct process process;
    static char body[LENGTH];
    memset(body, ' ', sizeof body);
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--idle-timeout", "600", "--request-timeout", "600", NULL});
    process_wait_ready(&process);
    for (int i = 0; i < CLIENTS; i++) {
        int fd = wire_open(process.port);
        wire_say(fd,
                 "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60001\r\n\r\n");
        wire_write(fd, body, sizeof body);
        close(fd);
    }
    for (int i = 0; i < 600 && metric_value(process.port, "dialogsd_connections") > 1; i++)
        pause_ms(50);
    assert_true(metric_value(process.port, "dialogsd_connections") <= 1); /* the one that asks */
    process_stop(&process);
}

static void a_limit_of_connections(void **state)
{
    (void)state;
    struct process process;
    bool closed;
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--connections-per-address", "4", "--idle-timeout", "2", NULL});
    process_wait_ready(&process);
    int fds[8];
    size_t served = 0;
    for (size_t i = 0; i < 8; i++) {
        fds[i] = wire_open(process.port);
        wire_say(fds[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        char *back = wire_read(fds[i], 200, &closed);
        served += count_of(back, " 200 ");
        free(back);
    }
    assert_in_range(served, 1, 4);
    for (size_t i = 0; i < 8; i++)
        close(fds[i]);
    process_stop(&process);
}

/* Beyond it clients wait until others leave, or have not been heard of for a second. */
static void a_limit_of_all_connections(void **state)
{
    (void)state;
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct process process;
    bool closed;
    int fds[4];
    process_start(&process, test_server_conninfo(world.server), (const char *const[]){"--connections", "3", NULL});
    assert_true(process_says(&process, "serving"));
    for (size_t i = 0; i < 4; i++) {
        fds[i] = wire_open(process.port);
        wire_say(fds[i], request);
        char *back = wire_read(fds[i], 100, &closed);
        assert_int_equal(count_of(back, " 200 "), i < 3);
        free(back);
    }
    char *back = wire_read(fds[3], 3000, &closed);
    assert_int_equal(count_of(back, " 200 "), 1);
    free(back);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_requests_on_one_connection),
        cmocka_unit_test(pipelined_requests),
        cmocka_unit_test(chunked_bodies),
        cmocka_unit_test(nothing_follows_a_chunked_body),
        cmocka_unit_test(bodies_that_come_late_and_in_pieces),
        cmocka_unit_test(expects_continue),
        cmocka_unit_test(http_1_0),
        cmocka_unit_test(head_and_options),
        cmocka_unit_test(malformed_requests),
        cmocka_unit_test(ambiguous_heads),
        cmocka_unit_test(bytes_that_are_read_in_two_ways),
        cmocka_unit_test(blanks_around_values),
        cmocka_unit_test(absolute_targets),
        cmocka_unit_test(a_body_without_a_token),
        cmocka_unit_test(a_head_that_is_too_long),
        cmocka_unit_test(a_client_that_is_too_slow),
        cmocka_unit_test(a_client_that_goes_in_the_midst),
        cmocka_unit_test(a_limit_of_connections),
        cmocka_unit_test(a_limit_of_all_connections),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
