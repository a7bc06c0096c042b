/* Who tries too often waits; what is too much at once is said at once. */
#include "check.h"
#include "sse.h"
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void start(struct process *process, const char *const *more)
{
    process_start(process, test_server_conninfo(world.server), more);
    process_wait_ready(process);
}

static void wrong_passwords(void **state)
{
    (void)state;
    struct process process;
    struct person person, other;
    struct answer answer;
    char wrong[128], right[128];
    start(&process, (const char *const[]){"--login-attempts", "3", "--login-attempts-per-address", "8", NULL});
    person_make(&person, process.port);
    person_make(&other, process.port);
    snprintf(wrong, sizeof wrong, "{\"id\":\"%s\",\"password\":\"wrong\"}", person.id);
    snprintf(right, sizeof right, "{\"id\":\"%s\",\"password\":\"secret\"}", other.id);
    struct call guess = {.port = process.port, .path = "/login", .body = wrong};
    struct call login = {.port = process.port, .path = "/login", .body = right};
    for (int i = 0; i < 3; i++)
        free(expect_error(&guess, 401, -DLG_E_PASSWORD));
    char *said = expect_error(&guess, 429, -DLG_E_OVERLOAD);
    assert_non_null(strstr(said, "too many wrong passwords for this user; try again in "));
    free(said);
    for (int i = 0; i < 20; i++) { /* right ones do not count */
        call_expect(&answer, &login, 200);
        answer_free(&answer);
    }
    for (int i = 0; i < 5; i++) {
        snprintf(wrong, sizeof wrong, "{\"id\":\"%08d-0000-4000-8000-000000000001\",\"password\":\"x\"}", i);
        free(expect_error(&guess, 404, -DLG_E_NOT_FOUND));
    }
    said = expect_error(&login, 429, -DLG_E_OVERLOAD);
    assert_non_null(strstr(said, "from this address"));
    free(said);
    free(person.token);
    free(other.token);
    process_stop(&process);
}

static void registrations_by_the_address_behind_a_proxy(void **state)
{
    (void)state;
    struct process process;
    struct answer answer;
    start(&process, (const char *const[]){"--registrations", "2", "--proxied", NULL});
    struct call call = {.port = process.port,
                        .path = "/user/register",
                        .body = "{\"password\":\"x\"}",
                        .headers = {"X-Forwarded-For: 10.9.8.7, 192.0.2.1"}};
    for (int i = 0; i < 2; i++) {
        call_expect(&answer, &call, 200);
        answer_free(&answer);
    }
    free(expect_error(&call, 429, -DLG_E_OVERLOAD));
    call.headers[0] = "X-Forwarded-For: 192.0.2.1, 2001:db8::7";
    call_expect(&answer, &call, 200);
    answer_free(&answer);
    assert_true(process_logs(&process, "\"client\":\"2001:db8::7\""));
    process_stop(&process);
}

static void messages_of_a_user(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    start(&process, (const char *const[]){"--send-rate", "3", NULL});
    person_make(&person, process.port);
    for (int i = 0; i < 3; i++)
        person_send(process.port, &person, &world.anna, "one more");
    struct call call = {.port = process.port,
                        .path = dialog_path(&world.anna, "send"),
                        .token = person.token,
                        .body = "{\"text\":\"x\"}"};
    free(expect_error(&call, 429, -DLG_E_OVERLOAD));
    free(person.token);
    process_stop(&process);
}

/* ---- Too much at once ---- */

enum { CROWD_MOST = 160 };

struct crowd {
    int port;
    const char *token;
    int each; /* requests of each thread */
    atomic_int served, refused, other;
    int threads;
    pthread_t thread[CROWD_MOST];
};

static void *one_of_many(void *argument)
{
    struct crowd *crowd = argument;
    for (int i = 0; i < crowd->each; i++) {
        struct answer answer;
        struct call call = {.port = crowd->port,
                            .path = dialog_path(&world.boris, "send"),
                            .token = crowd->token,
                            .body = "{\"text\":\"in a crowd\"}"};
        call_try(&answer, &call);
        char *retry = answer_header(&answer, "Retry-After");
        if (answer.status == 200)
            atomic_fetch_add(&crowd->served, 1);
        else if (answer.status == 503 && retry && strstr(answer.body, "\"fate\":\"not_written\""))
            atomic_fetch_add(&crowd->refused, 1);
        else
            atomic_fetch_add(&crowd->other, 1);
        free(retry);
        answer_free(&answer);
    }
    call_end();
    return NULL;
}

static void crowd_begin(struct crowd *crowd, int threads)
{
    crowd->threads = threads;
    for (int i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&crowd->thread[i], NULL, one_of_many, crowd), 0);
}

static void crowd_end(struct crowd *crowd)
{
    for (int i = 0; i < crowd->threads; i++)
        pthread_join(crowd->thread[i], NULL);
    assert_int_equal(crowd->other, 0);
    assert_true(crowd->served > 0);
}

static void crowd_run(struct crowd *crowd, int threads)
{
    crowd_begin(crowd, threads);
    crowd_end(crowd);
}

static void too_many_at_once(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    start(&process, (const char *const[]){"--requests", "2", NULL});
    person_make(&person, process.port);
    struct crowd crowd = {.port = process.port, .token = person.token, .each = 20};
    crowd_run(&crowd, 24);
    assert_true(crowd.refused > 0);
    person_send(process.port, &person, &world.boris, "afterwards"); /* nothing is left behind */
    json_t *list = person_list(process.port, &person, &world.boris);
    assert_int_equal(json_array_size(list), crowd.served + 1);
    json_decref(list);
    free(person.token);
    process_stop(&process);
}

/* Below the limit of requests, who waits longer than a target makes those who come after be refused; without one not.
 */
static void waiting_too_long(void **state)
{
    (void)state;
    static const char *const targets[] = {"1", "0"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct process process;
        struct person person;
        start(&process, (const char *const[]){"--requests", "200", "--wait-target", targets[i], NULL});
        person_make(&person, process.port);
        struct crowd crowd = {.port = process.port, .token = person.token, .each = 50};
        crowd_run(&crowd, CROWD_MOST);
        assert_int_equal(crowd.refused > 0, i == 0);
        assert_int_equal(metric_value(process.port, "dialogsd_requests_limit") < 200, i == 0);
        struct crowd few = {.port = process.port, .token = person.token, .each = 50};
        crowd_run(&few, 16);
        assert_int_equal(few.refused, 0); /* so many may always wait */
        free(person.token);
        process_stop(&process);
    }
}

/* An EventSource that is refused does not come again. */
static void streams_begin_under_load(void **state)
{
    enum { STREAMS = 40 };
    (void)state;
    struct process process;
    struct person person;
    start(&process, (const char *const[]){"--requests", "1000", "--wait-target", "1", NULL});
    person_make(&person, process.port);
    struct crowd crowd = {.port = process.port, .token = person.token, .each = 100};
    crowd_begin(&crowd, CROWD_MOST);
    while (crowd.refused == 0)
        usleep(1000);
    for (int i = 0; i < STREAMS; i++) {
        struct sse stream;
        sse_open(&stream, process.port, person.token, NULL);
        sse_close(&stream);
    }
    crowd_end(&crowd);
    free(person.token);
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_passwords),    cmocka_unit_test(registrations_by_the_address_behind_a_proxy),
        cmocka_unit_test(messages_of_a_user), cmocka_unit_test(too_many_at_once),
        cmocka_unit_test(waiting_too_long),   cmocka_unit_test(streams_begin_under_load),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
