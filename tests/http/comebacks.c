/*
 * An EventSource comes again after a stream that ends, and never after a status other than 200 (HTML standard, 9.2.3).
 * So /events answers 200 where other calls are told to try again later.
 */
#include "check.h"
#include "sse.h"
#include "wire.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An answer that is a stream which says when to come again, and nothing else, and ends. */
static void expect_again(const struct answer *answer)
{
    assert_int_equal(answer->status, 200);
    char *type = answer_header(answer, "Content-Type"), *cache = answer_header(answer, "Cache-Control");
    assert_string_equal(type, "text/event-stream");
    assert_string_equal(cache, "no-store");
    assert_int_equal(strncmp(answer->body, "retry: ", 7), 0);
    assert_true(atoi(answer->body + 7) >= 1000);
    assert_non_null(strstr(answer->body, "\n: ")); /* why, for those who look */
    assert_null(strstr(answer->body, "\ndata"));
    assert_null(strstr(answer->body, "\n\n"));
    free(type);
    free(cache);
}

static void ask(int port, const char *token)
{
    struct answer answer;
    call_expect(&answer, &(struct call){.port = port, .path = "/events", .token = token}, 200);
    expect_again(&answer);
    answer_free(&answer);
}

/* The other calls still say what they said. */
static void a_list_is_told_503(int port, const char *token)
{
    struct answer answer;
    struct call list = {.port = port, .path = dialog_path(&world.boris, "list"), .token = token};
    call_expect(&answer, &list, 503);
    answer_free(&answer);
}

static void the_database_is_away(void **state)
{
    (void)state;
    struct process process;
    assert_true(test_server_stop(world.server));
    const char *const options[] = {"--set", "timeout_ms=500", "--set", world.keys, NULL};
    process_start(&process, test_server_conninfo(world.server), options);
    assert_true(process_says(&process, "serving"));
    ask(process.port, world.anna.token);
    a_list_is_told_503(process.port, world.anna.token);
    free(expect_error(&(struct call){.port = process.port, .path = "/events", .token = "x"}, 401, -DLG_E_TOKEN));
    assert_true(process_logs(&process, "\"path\":\"/events\",\"status\":200"));
    assert_true(process_logs(&process, "\"error\":\"DLG_E_UNAVAILABLE\""));
    assert_true(test_server_restart(world.server));
    process_wait_ready(&process);
    struct sse stream;
    sse_open(&stream, process.port, world.anna.token, NULL);
    person_send(process.port, &world.boris, &world.anna, "here again");
    sse_expect(&stream, "here again");
    sse_close(&stream);
    process_stop(&process);
}

static void the_database_hangs(void **state)
{
    (void)state;
    struct process process;
    const char *const options[] = {"--set", "timeout_ms=500", "--set", world.keys, NULL};
    process_start(&process, test_server_conninfo(world.server), options);
    process_wait_ready(&process);
    assert_true(test_server_freeze(world.server));
    ask(process.port, world.anna.token);
    a_list_is_told_503(process.port, world.anna.token);
    assert_true(test_server_thaw(world.server));
    process_stop(&process);
}

static void too_many_wait(void **state)
{
    (void)state;
    bool closed;
    char request[2048];
    struct process process;
    const char *const options[] = {"--requests", "1", "--set", "timeout_ms=60000", "--set", world.keys, NULL};
    process_start(&process, test_server_conninfo(world.server), options);
    process_wait_ready(&process);
    assert_true(test_server_freeze(world.server));
    int fd = wire_open(process.port);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
             dialog_path(&world.boris, "list"), world.anna.token);
    assert_true(wire_say(fd, request));
    while (metric_value(process.port, "dialogsd_requests_waiting") < 1)
        pause_ms(10);
    ask(process.port, world.anna.token);
    a_list_is_told_503(process.port, world.anna.token);
    assert_true(test_server_thaw(world.server));
    free(wire_read(fd, 5000, &closed));
    close(fd);
    process_stop(&process);
}

/* A connection that was kept, or that a proxy keeps, asks while the service stops. */
static void the_service_stops(void **state)
{
    (void)state;
    bool closed;
    char request[2048];
    struct process process;
    const char *const options[] = {
        "--drain-timeout", "20", "--set", "timeout_ms=60000", "--set", "token_check_s=600", "--set", world.keys, NULL};
    process_start(&process, test_server_conninfo(world.server), options);
    process_wait_ready(&process);
    struct answer answer; /* the database has been asked about the token */
    struct call list = {.port = process.port, .path = dialog_path(&world.boris, "list"), .token = world.anna.token};
    call_expect(&answer, &list, 200);
    answer_free(&answer);
    int kept = wire_open(process.port), busy = wire_open(process.port);
    assert_true(wire_say(kept, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
    free(wire_read(kept, 200, &closed));
    assert_true(test_server_freeze(world.server));
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
             dialog_path(&world.boris, "list"), world.anna.token);
    assert_true(wire_say(busy, request));
    while (metric_value(process.port, "dialogsd_requests_waiting") < 1)
        pause_ms(10);
    kill(process.pid, SIGTERM);
    for (int i = 0; i < 500 && !wire_refused(process.port); i++)
        pause_ms(10);
    snprintf(request, sizeof request, "GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
             world.anna.token);
    assert_true(wire_say(kept, request));
    char *back = wire_read(kept, 5000, &closed);
    assert_int_equal(strncmp(back, "HTTP/1.1 200 ", 13), 0);
    assert_non_null(strstr(back, "\r\n\r\nretry: 1000\n: the service is stopping"));
    assert_true(closed);
    free(back);
    assert_true(test_server_thaw(world.server));
    free(wire_read(busy, 5000, &closed));
    close(kept);
    close(busy);
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_database_is_away),
        cmocka_unit_test(the_database_hangs),
        cmocka_unit_test(too_many_wait),
        cmocka_unit_test(the_service_stops),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
