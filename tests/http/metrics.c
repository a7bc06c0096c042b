/* GET /metrics and what else operators look at: trace ids in the log, headers, pages of other sites. */
#include "check.h"
#include "sse.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* promtool, of Prometheus itself, finds nothing wrong. */
static void promtool_accepts_them(void **state)
{
    (void)state;
    person_send(world.process.port, &world.anna, &world.boris, "counted");
    char *text = metrics_text(world.process.port);
    char output[4096] = "";
    int to[2], from[2];
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        dup2(from[1], STDERR_FILENO);
        close(to[1]);
        close(from[0]);
        execlp("promtool", "promtool", "check", "metrics", (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    assert_int_equal(write(to[1], text, strlen(text)), strlen(text));
    close(to[1]);
    for (size_t length = 0; length < sizeof output - 1;) {
        ssize_t got = read(from[0], output + length, sizeof output - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    close(from[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || output[0])
        fail_msg("promtool: %s", output);
    free(text);
}

static void what_happens_is_counted(void **state)
{
    (void)state;
    int port = world.process.port;
    static const char sends[] = "dialogsd_http_requests_total{route=\"POST /dialog/{user_id}/send\",code=\"200\"}";
    static const char bucket[] =
        "dialogsd_http_request_duration_seconds_bucket{route=\"POST /dialog/{user_id}/send\",le=\"+Inf\"}";
    double before = metric_value(port, sends), stored = metric_value(port, "dialogs_messages_sent_total");
    double timed = metric_value(port, bucket), batched = metric_value(port, "dialogs_batch_messages_sum");
    double single = metric_value(port, "dialogs_batch_messages_bucket{le=\"1\"}");
    for (int i = 0; i < 7; i++)
        person_send(port, &world.anna, &world.boris, "counted");
    assert_true(metric_value(port, sends) == before + 7);
    assert_true(metric_value(port, bucket) == timed + 7);
    assert_true(metric_value(port, "dialogs_messages_sent_total") == stored + 7);
    assert_true(metric_value(port, "dialogs_batch_messages_sum") == batched + 7);
    assert_true(metric_value(port, "dialogs_batch_messages_bucket{le=\"1\"}") == single + 7); /* one after the other */
    assert_true(metric_value(port, "dialogs_batch_messages_count") == metric_value(port, "dialogs_batches_total"));
    free(expect_error(&(struct call){.port = port, .path = "/nowhere"}, 404, 404));
    assert_true(metric_value(port, "dialogsd_http_requests_total{route=\"other\",code=\"404\"}") >= 1);
    assert_true(metric_value(port, "dialogsd_ready") == 1);
    assert_true(metric_value(port, "dialogsd_http_requests_active") >= 1);
    assert_true(metric_value(port, "dialogsd_connections") >= 1);
    assert_true(metric_value(port, "dialogsd_requests_limit") == 1000);
}

static void streams_are_counted(void **state)
{
    (void)state;
    int port = world.process.port;
    struct sse stream;
    double delivered = metric_value(port, "dialogsd_events_delivered_total");
    assert_true(metric_value(port, "dialogsd_streams") == 0);
    sse_open(&stream, port, world.boris.token, NULL);
    person_send(port, &world.anna, &world.boris, "heard");
    assert_true(sse_next(&stream, 5000));
    assert_true(metric_value(port, "dialogsd_streams") == 1);
    assert_true(metric_value(port, "dialogsd_events_delivered_total") == delivered + 1);
    sse_close(&stream);
    for (int i = 0; i < 100 && metric_value(port, "dialogsd_streams") > 0; i++) /* long before the next sign of life */
        pause_ms(20);
    assert_true(metric_value(port, "dialogsd_streams") == 0);
}

/* Many leave at once; those who stay are not disturbed. */
static void clients_that_leave_are_noticed(void **state)
{
    (void)state;
    enum { COUNT = 45 };
    static struct sse streams[COUNT];
    int port = world.process.port;
    for (int i = 0; i < COUNT; i++)
        sse_open(&streams[i], port, i % 3 ? world.boris.token : world.clara.token, NULL);
    assert_true(metric_value(port, "dialogsd_streams") == COUNT);
    for (int i = 1; i < COUNT; i++)
        sse_close(&streams[i]);
    for (int i = 0; i < 100 && metric_value(port, "dialogsd_streams") > 1; i++)
        pause_ms(20);
    assert_true(metric_value(port, "dialogsd_streams") == 1);
    person_send(port, &world.anna, &world.clara, "who stays hears");
    sse_expect(&streams[0], "who stays hears");
    assert_true(metric_value(port, "dialogsd_streams_cut_total") == 0); /* that is for those who do not read */
    sse_close(&streams[0]);
}

static void traces_stand_in_the_log(void **state)
{
    (void)state;
    struct answer answer;
    struct call call = {.port = world.process.port,
                        .path = "/healthz",
                        .headers = {"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}};
    call_expect(&answer, &call, 200);
    answer_free(&answer);
    assert_true(process_logs(&world.process, "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
                                             "\"parent_id\":\"00f067aa0ba902b7\""));
    static const char *const wrong[] = {
        "traceparent: 00-4BF92F3577B34DA6A3CE929D0E0EAAAA-00f067aa0ba902b7-01",
        "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "traceparent: ff-11111111111111111111111111111111-00f067aa0ba902b7-01",
        "traceparent: 00-22222222222222222222222222222222-00f067aa0ba902b7-01-more",
        "traceparent: 00-33333333333333333333333333333333-0000000000000000-01",
        "traceparent: 00-44444444444444444444444444444444",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        call.headers[0] = wrong[i];
        call.headers[1] = "X-Request-Id: traced";
        call_expect(&answer, &call, 200);
        answer_free(&answer);
    }
    assert_true(process_logs(&world.process, "\"request_id\":\"traced\""));
    pause_ms(700);
    char *log = process_logged(&world.process);
    assert_null(strstr(log, "2222222222"));
    assert_null(strstr(log, "3333333333333333"));
    assert_null(strstr(log, "EAAAA"));
    free(log);
}

static void expect_header(const struct answer *answer, const char *name, const char *value)
{
    char *found = answer_header(answer, name);
    if ((found == NULL) != (value == NULL) || (found && strcmp(found, value) != 0))
        fail_msg("%s: %s instead of %s", name, found ? found : "nothing", value ? value : "nothing");
    free(found);
}

static void other_sites_only_when_allowed(void **state)
{
    (void)state;
    struct answer answer;
    struct process process;
    struct call call = {.port = world.process.port, .path = "/healthz", .headers = {"Origin: https://a.example"}};
    call_expect(&answer, &call, 200);
    expect_header(&answer, "Access-Control-Allow-Origin", NULL);
    expect_header(&answer, "X-Content-Type-Options", "nosniff");
    answer_free(&answer);
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--cors", "https://a.example,https://b.example", NULL});
    process_wait_ready(&process);
    call.port = process.port;
    call_expect(&answer, &call, 200);
    expect_header(&answer, "Access-Control-Allow-Origin", "https://a.example");
    expect_header(&answer, "Vary", "Origin");
    answer_free(&answer);
    call.headers[0] = "Origin: https://evil.example";
    call_expect(&answer, &call, 200);
    expect_header(&answer, "Access-Control-Allow-Origin", NULL);
    expect_header(&answer, "Vary", "Origin");
    answer_free(&answer);
    call = (struct call){.port = process.port,
                         .method = "OPTIONS",
                         .path = "/login",
                         .headers = {"Origin: https://b.example", "Access-Control-Request-Method: POST",
                                     "Access-Control-Request-Headers: content-type"}};
    call_expect(&answer, &call, 204);
    expect_header(&answer, "Access-Control-Allow-Origin", "https://b.example");
    expect_header(&answer, "Access-Control-Allow-Methods", "POST, OPTIONS");
    expect_header(&answer, "Access-Control-Max-Age", "600");
    answer_free(&answer);
    process_stop(&process);
}

/* What a browser was told of the headers that a page wants to send. */
static void expect_allowed(int port, const char *requested, const char *allowed)
{
    char header[2048];
    struct answer answer;
    snprintf(header, sizeof header, "Access-Control-Request-Headers: %s", requested);
    struct call call = {.port = port,
                        .method = "OPTIONS",
                        .path = "/login",
                        .headers = {"Origin: https://b.example", "Access-Control-Request-Method: POST", header}};
    call_expect(&answer, &call, 204);
    char *value = answer_header(&answer, "Access-Control-Allow-Headers");
    assert_non_null(value);
    assert_non_null(strstr(value, allowed));
    if (allowed != requested)
        assert_null(strstr(value, requested));
    free(value);
    answer_free(&answer);
}

/* Monitors and caches add headers of their own to what a page sends. */
static void pages_of_other_sites_may_send_any_header(void **state)
{
    (void)state;
    struct process process;
    char longer[1100];
    static const char many[] = "authorization,baggage,cache-control,content-type,sentry-trace,x-datadog-trace-id";
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--cors", "https://a.example, https://b.example", NULL});
    process_wait_ready(&process);
    expect_allowed(process.port, many, many);
    expect_allowed(process.port, "x y: z", "Authorization, Content-Type"); /* names only, and not too many */
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    expect_allowed(process.port, longer, "Authorization, Content-Type");
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promtool_accepts_them),
        cmocka_unit_test(what_happens_is_counted),
        cmocka_unit_test(streams_are_counted),
        cmocka_unit_test(clients_that_leave_are_noticed),
        cmocka_unit_test(traces_stand_in_the_log),
        cmocka_unit_test(other_sites_only_when_allowed),
        cmocka_unit_test(pages_of_other_sites_may_send_any_header),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
