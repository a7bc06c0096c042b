/* Two dialogsd that meet at a real Redis: what one stores, the other's streams hear; Redis may come and go. */
#include "check.h"
#include "redis.h"
#include "sse.h"
#include "wire.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct redis redis;
static struct process one, two;
static struct person ann, ben;

static void start(struct process *process, const char *attempts, const char *rate)
{
    char keys[128];
    snprintf(keys, sizeof keys, "token_key_file=%s/keys", world.process.directory);
    process_start(process, test_server_conninfo(world.server),
                  (const char *const[]){"--redis", redis.url, "--catch-up", "0", "--set", keys, "--login-attempts",
                                        attempts, "--send-rate", rate, NULL});
    process_wait_ready(process);
}

static void wait_for_redis(const struct process *process, double up)
{
    for (int i = 0; i < 200 && metric_value(process->port, "dialogsd_redis_up") != up; i++)
        pause_ms(50);
    assert_true(metric_value(process->port, "dialogsd_redis_up") == up);
}

static int open_both(void **state)
{
    if (world_setup(state) != 0)
        return -1;
    redis_start(&redis);
    start(&one, "5", "0");
    start(&two, "5", "0");
    wait_for_redis(&one, 1);
    wait_for_redis(&two, 1);
    person_make(&ann, one.port);
    person_make(&ben, two.port);
    return 0;
}

static int close_both(void **state)
{
    process_stop(&one);
    process_stop(&two);
    redis_stop(&redis);
    free(ann.token);
    free(ben.token);
    return world_teardown(state);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void a_stream_hears_of_the_other_replica_soon(void **state)
{
    (void)state;
    enum { COUNT = 51 };
    struct sse stream, same;
    double took[COUNT];
    char text[16];
    sse_open(&stream, two.port, ben.token, NULL);
    sse_open(&same, one.port, ben.token, NULL);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%d", i);
        person_send(one.port, &ann, &ben, text);
        double began = now_ms();
        sse_expect(&stream, text);
        took[i] = now_ms() - began;
        sse_expect(&same, text);
    }
    qsort(took, COUNT, sizeof *took, compare);
    if (took[COUNT / 2] > 100)
        fail_msg("half of the messages took more than %.0f ms", took[COUNT / 2]);
    assert_false(sse_next(&stream, 200));
    assert_false(sse_next(&same, 200));
    sse_close(&stream);
    sse_close(&same);
}

static void nothing_is_lost_while_redis_is_away(void **state)
{
    (void)state;
    struct sse stream;
    char text[16];
    sse_open(&stream, two.port, ben.token, NULL);
    person_send(one.port, &ann, &ben, "before");
    sse_expect(&stream, "before");
    redis_stop(&redis);
    wait_for_redis(&one, 0);
    wait_for_redis(&two, 0);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%d", i);
        person_send(one.port, &ann, &ben, text);
    }
    struct answer answer;
    call_expect(&answer, &(struct call){.port = one.port, .path = "/readyz"}, 200);
    answer_free(&answer);
    person_send(two.port, &ann, &ben, "on the same replica");
    sse_expect(&stream, "on the same replica");
    redis_restart(&redis);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%d", i);
        sse_expect(&stream, text);
    }
    wait_for_redis(&one, 1);
    wait_for_redis(&two, 1);
    person_send(one.port, &ann, &ben, "after");
    sse_expect(&stream, "after");
    assert_false(sse_next(&stream, 1500));
    sse_close(&stream);
    char *said = process_said(&one);
    assert_int_equal(count_of(said, "Redis cannot be reached"), 1);
    assert_int_equal(count_of(said, "Redis is back"), 1);
    free(said);
}

static void a_token_given_back_is_no_good_anywhere(void **state)
{
    (void)state;
    struct person person;
    struct sse stream;
    struct answer answer;
    person_make(&person, one.port);
    struct call list = {.port = two.port, .path = "/events?after=nonsense", .token = person.token};
    free(expect_error(&list, 400, -DLG_E_CURSOR)); /* the token is good */
    sse_open(&stream, two.port, person.token, NULL);
    struct call logout = {.port = one.port, .path = "/logout", .method = "POST", .token = person.token};
    call_expect(&answer, &logout, 200);
    assert_int_equal(answer.length, 0);
    answer_free(&answer);
    free(expect_error(&logout, 401, -DLG_E_TOKEN));
    assert_false(sse_next(&stream, 5000));
    assert_true(stream.closed);
    free(expect_error(&list, 401, -DLG_E_TOKEN));
    /* One that starts later knows it too, once it has met the others. */
    struct process late;
    start(&late, "5", "0");
    wait_for_redis(&late, 1);
    for (int i = 0; i < 100 && metric_value(late.port, "dialogsd_tokens_revoked") < 1; i++)
        pause_ms(20);
    list.port = late.port;
    free(expect_error(&list, 401, -DLG_E_TOKEN));
    process_stop(&late);
    sse_close(&stream);
    free(person.token);
}

static void wrong_passwords_are_counted_together(void **state)
{
    (void)state;
    char body[128];
    struct person person;
    struct answer answer;
    person_make(&person, one.port);
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"password\":\"wrong\"}", person.id);
    struct call login = {.port = one.port, .path = "/login", .body = body};
    for (int i = 0; i < 5; i++)
        free(expect_error(&login, 401, -DLG_E_PASSWORD));
    free(expect_error(&login, 429, -DLG_E_OVERLOAD));
    login.port = two.port;
    long status = 0;
    for (int i = 0; i < 100 && status != 429; i++) { /* within the limit of this replica alone */
        assert_true(i < 5);
        pause_ms(50);
        call_try(&answer, &login);
        status = answer.status;
        char *retry = answer_header(&answer, "Retry-After");
        assert_true(status == 401 || (status == 429 && retry && atoi(retry) > 1 && atoi(retry) <= 60));
        free(retry);
        answer_free(&answer);
    }
    free(person.token);
}

/* How many messages of that person are taken until one is refused, of `most`. */
static int sends_taken(const struct process *process, const struct person *person, int most)
{
    for (int taken = 0;; taken++) {
        struct answer answer;
        call_try(&answer, &(struct call){.port = process->port,
                                         .path = dialog_path(&ben, "send"),
                                         .token = person->token,
                                         .body = "{\"text\":\"one more\"}"});
        long status = answer.status;
        answer_free(&answer);
        if (status == 429)
            return taken;
        assert_int_equal(status, 200);
        assert_true(taken < most);
        pause_ms(50);
    }
}

static void messages_of_a_user_are_counted_together(void **state)
{
    (void)state;
    struct process left, right;
    struct person person;
    start(&left, "5", "6");
    start(&right, "5", "6");
    wait_for_redis(&left, 1);
    wait_for_redis(&right, 1);
    person_make(&person, left.port);
    for (int i = 0; i < 3; i++)
        person_send(left.port, &person, &ben, "on the one");
    pause_ms(200);
    assert_int_equal(sends_taken(&right, &person, 6), 3);
    assert_int_equal(sends_taken(&left, &person, 6), 0);
    free(person.token);
    kill(redis.pid, SIGSTOP); /* one that does not answer holds nobody up */
    person_make(&person, left.port);
    double began = now_ms();
    for (int i = 0; i < 3; i++)
        person_send(left.port, &person, &ben, "while Redis hangs");
    assert_true(now_ms() - began < 2000);
    kill(redis.pid, SIGCONT);
    free(person.token);
    redis_stop(&redis);
    wait_for_redis(&left, 0);
    wait_for_redis(&right, 0);
    person_make(&person, left.port); /* each counts by itself */
    assert_int_equal(sends_taken(&left, &person, 6), 6);
    assert_int_equal(sends_taken(&right, &person, 6), 6);
    free(person.token);
    redis_restart(&redis);
    process_stop(&left);
    process_stop(&right);
}

static void wrong_urls_are_said(void **state)
{
    (void)state;
    static const char *const wrong[] = {"localhost",   "http://x",        "redis://",
                                        "redis://x:y", "unix://relative", "redis://x:1/z"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct process process;
        process_start(&process, test_server_conninfo(world.server), (const char *const[]){"--redis", wrong[i], NULL});
        assert_int_equal(process_wait_end(&process, 10), 2);
        assert_true(process_says(&process, "--redis takes redis://"));
        process_stop(&process);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_hears_of_the_other_replica_soon),
        cmocka_unit_test(nothing_is_lost_while_redis_is_away),
        cmocka_unit_test(a_token_given_back_is_no_good_anywhere),
        cmocka_unit_test(wrong_passwords_are_counted_together),
        cmocka_unit_test(messages_of_a_user_are_counted_together),
        cmocka_unit_test(wrong_urls_are_said),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
