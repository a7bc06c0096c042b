/* POST /events/ticket: a stream for what can send no header, once, with the end of the token that it was got for. */
#include "check.h"
#include "redis.h"
#include "sse.h"
#include "wire.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICKET_SIZE = 2048 };

static void get_ticket(char ticket[TICKET_SIZE], int port, const char *token)
{
    struct answer answer;
    call_expect(&answer, &(struct call){.port = port, .method = "POST", .path = "/events/ticket", .token = token}, 200);
    json_t *json = answer_json(&answer);
    snprintf(ticket, TICKET_SIZE, "%s", json_string_value(json_object_get(json, "ticket")));
    assert_int_equal(json_integer_value(json_object_get(json, "expires_in")), 30);
    assert_int_equal(strspn(ticket, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
                     strlen(ticket)); /* it needs no quoting in a URL */
    json_decref(json);
    answer_free(&answer);
}

static void open_stream(struct sse *stream, int port, const char *ticket, const char *more)
{
    char query[TICKET_SIZE + 3072];
    snprintf(query, sizeof query, "?ticket=%s%s", ticket, more);
    sse_open_query(stream, port, NULL, NULL, query);
}

static void refused(int port, const char *ticket, int code, const char *says)
{
    char path[TICKET_SIZE + 128];
    snprintf(path, sizeof path, "/events?ticket=%s", ticket);
    char *message = expect_error(&(struct call){.port = port, .path = path}, 401, code);
    if (!strstr(message, says))
        fail_msg("\"%s\" does not say \"%s\"", message, says);
    free(message);
}

static void opens_one_stream(void **state)
{
    (void)state;
    int port = world.process.port;
    char ticket[TICKET_SIZE], more[2 * DLG_CURSOR_SIZE];
    struct sse stream;
    get_ticket(ticket, port, world.anna.token);
    open_stream(&stream, port, ticket, "");
    person_send(port, &world.boris, &world.anna, "for Anna");
    person_send(port, &world.boris, &world.clara, "for Clara");
    sse_expect(&stream, "for Anna");
    sse_expect_silence(&stream);
    refused(port, ticket, -DLG_E_TOKEN, "was used");
    snprintf(more, sizeof more, "&lastEventId=%s", stream.last_id);
    sse_close(&stream);
    refused(port, ticket, -DLG_E_TOKEN, "was used");
    person_send(port, &world.boris, &world.anna, "meanwhile");
    get_ticket(ticket, port, world.anna.token);
    open_stream(&stream, port, ticket, more);
    sse_expect(&stream, "meanwhile");
    sse_close(&stream);
    assert_true(process_logs(&world.process, "\"path\":\"/events\",\"status\":200"));
    char *log = process_logged(&world.process);
    assert_null(strstr(log, ticket));
    free(log);
}

/* All at once: one is let in. */
static void is_used_once_whatever_the_hurry(void **state)
{
    (void)state;
    enum { MANY = 16 };
    int fds[MANY], let_in = 0;
    char ticket[TICKET_SIZE], request[TICKET_SIZE + 128];
    get_ticket(ticket, world.process.port, world.anna.token);
    snprintf(request, sizeof request, "GET /events?ticket=%s HTTP/1.1\r\nHost: x\r\n\r\n", ticket);
    for (int i = 0; i < MANY; i++)
        fds[i] = wire_open(world.process.port);
    for (int i = 0; i < MANY; i++)
        assert_true(wire_say(fds[i], request));
    for (int i = 0; i < MANY; i++) {
        bool closed;
        char *back = wire_read(fds[i], 1000, &closed);
        bool good = strncmp(back, "HTTP/1.1 200 ", 13) == 0;
        assert_true(good || strncmp(back, "HTTP/1.1 401 ", 13) == 0);
        let_in += good;
        free(back);
        close(fds[i]);
    }
    assert_int_equal(let_in, 1);
}

static void is_no_token_and_no_token_is_one(void **state)
{
    (void)state;
    int port = world.process.port;
    char ticket[TICKET_SIZE], changed[TICKET_SIZE];
    get_ticket(ticket, port, world.anna.token);
    const char *parts[] = {ticket, strchr(strchr(ticket, '.') + 1, '.') + 1}; /* whole, and the part that is signed */
    for (size_t i = 0; i < 2; i++) {
        struct call call = {.port = port, .path = dialog_path(&world.boris, "list"), .token = parts[i]};
        free(expect_error(&call, 401, -DLG_E_TOKEN));
        call.path = "/events";
        free(expect_error(&call, 401, -DLG_E_TOKEN));
    }
    refused(port, world.anna.token, -DLG_E_TOKEN, "no ticket");
    refused(port, "", -DLG_E_TOKEN, "no ticket");
    refused(port, "1.2.3", -DLG_E_TOKEN, "no ticket");
    refused(port, parts[1], -DLG_E_TOKEN, "no ticket");
    for (size_t i = 0; i < strlen(ticket) - 1; i += 3) { /* what it says of the token is signed too */
        snprintf(changed, sizeof changed, "%s", ticket);
        changed[i] = changed[i] == '1' ? '2' : '1';
        refused(port, changed, -DLG_E_TOKEN, "no ticket");
    }
    free(expect_error(&(struct call){.port = port, .method = "POST", .path = "/events/ticket"}, 401, -DLG_E_TOKEN));
    char path[TICKET_SIZE + 128];
    snprintf(path, sizeof path, "/user/get/%s?ticket=%s", world.anna.id, ticket); /* of /events alone */
    free(expect_error(&(struct call){.port = port, .path = path}, 400, -DLG_E_ARGUMENT));
    struct sse stream;
    open_stream(&stream, port, ticket, ""); /* none of it has used it */
    sse_close(&stream);
}

/* What is told to come again comes with the same ticket. */
static void is_not_used_by_what_was_put_off(void **state)
{
    (void)state;
    struct process process;
    struct sse stream;
    struct answer answer;
    char ticket[TICKET_SIZE], path[TICKET_SIZE + 32];
    const char *const options[] = {"--set", "timeout_ms=300", "--set", world.keys, NULL};
    process_start(&process, test_server_conninfo(world.server), options);
    process_wait_ready(&process);
    get_ticket(ticket, process.port, world.anna.token);
    snprintf(path, sizeof path, "/events?ticket=%s", ticket);
    assert_true(test_server_freeze(world.server));
    call_expect(&answer, &(struct call){.port = process.port, .path = path}, 200);
    assert_int_equal(strncmp(answer.body, "retry: ", 7), 0);
    answer_free(&answer);
    assert_true(test_server_thaw(world.server));
    process_wait_ready(&process);
    open_stream(&stream, process.port, ticket, "");
    sse_close(&stream);
    process_stop(&process);
}

static void ends_with_the_token(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    struct sse stream;
    char ticket[TICKET_SIZE], other[TICKET_SIZE];
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--set", "token_lifetime_s=3", NULL});
    process_wait_ready(&process);
    person_make(&person, process.port);
    get_ticket(ticket, process.port, person.token);
    get_ticket(other, process.port, person.token);
    open_stream(&stream, process.port, ticket, "");
    assert_false(sse_next(&stream, 8000));
    assert_true(stream.closed);
    sse_close(&stream);
    refused(process.port, other, -DLG_E_TOKEN_EXPIRED, "has expired");
    free(person.token);
    person_make(&person, process.port);
    get_ticket(ticket, process.port, person.token);
    get_ticket(other, process.port, person.token);
    open_stream(&stream, process.port, ticket, "");
    struct answer answer;
    struct call logout = {.port = process.port, .method = "POST", .path = "/logout", .token = person.token};
    call_expect(&answer, &logout, 200);
    answer_free(&answer);
    assert_false(sse_next(&stream, 2000));
    assert_true(stream.closed);
    sse_close(&stream);
    refused(process.port, other, -DLG_E_TOKEN, "revoked");
    free(person.token);
    process_stop(&process);
}

/* Got from one, used at the other; the first hears of it. */
static void works_with_replicas(void **state)
{
    (void)state;
    struct redis redis;
    struct process one, two;
    struct sse stream;
    char ticket[TICKET_SIZE];
    redis_start(&redis);
    const char *const options[] = {"--redis", redis.url, "--set", world.keys, NULL};
    process_start(&one, test_server_conninfo(world.server), options);
    process_start(&two, test_server_conninfo(world.server), options);
    process_wait_ready(&one);
    process_wait_ready(&two);
    for (int i = 0; i < 200 && (metric_value(one.port, "dialogsd_redis_up") != 1 ||
                                metric_value(two.port, "dialogsd_redis_up") != 1);
         i++)
        pause_ms(50);
    get_ticket(ticket, one.port, world.anna.token);
    open_stream(&stream, two.port, ticket, "");
    for (int i = 0; i < 200 && metric_value(one.port, "dialogsd_tokens_revoked") < 1; i++)
        pause_ms(50);
    refused(one.port, ticket, -DLG_E_TOKEN, "was used");
    person_send(one.port, &world.boris, &world.anna, "to the other");
    sse_expect(&stream, "to the other");
    sse_close(&stream);
    process_stop(&one);
    process_stop(&two);
    redis_stop(&redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_one_stream),
        cmocka_unit_test(is_used_once_whatever_the_hurry),
        cmocka_unit_test(is_no_token_and_no_token_is_one),
        cmocka_unit_test(is_not_used_by_what_was_put_off),
        cmocka_unit_test(ends_with_the_token),
        cmocka_unit_test(works_with_replicas),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
