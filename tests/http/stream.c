/* A whole dialog as one answer: long ones, in bounded memory, to clients that go away. */
#include "check.h"
#include "wire.h"
#include "world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGES = 20000, TEXT_LENGTH = 2000, READERS = 6 };

static int port(void)
{
    return world.process.port;
}

/* Anna and Boris wrote very much to each other. */
static int setup(void **state)
{
    char sql[1024];
    int result = world_setup(state);
    if (result != 0)
        return result;
    snprintf(sql, sizeof sql,
             "INSERT INTO dialogs (user_id, to_user_id, text, create_date) SELECT"
             " (CASE g %% 2 WHEN 0 THEN '%s' ELSE '%s' END)::uuid, (CASE g %% 2 WHEN 1 THEN '%s' ELSE '%s' END)::uuid,"
             " rpad(g || ' ', %d, 'text'), timestamptz '2024-01-01 00:00 UTC' + g * interval '1 ms'"
             " FROM generate_series(0, %d) AS g; ANALYZE dialogs",
             world.anna.id, world.boris.id, world.anna.id, world.boris.id, TEXT_LENGTH, MESSAGES - 1);
    return test_server_execute(world.server, sql) ? 0 : -1;
}

static void read_all(void)
{
    json_t *list = person_list(port(), &world.anna, &world.boris);
    assert_int_equal(json_array_size(list), MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++) {
        const json_t *message = json_array_get(list, i);
        const json_t *text = json_object_get(message, "text");
        assert_int_equal(strtol(json_string_value(text), NULL, 10), i);
        assert_int_equal(json_string_length(text), TEXT_LENGTH);
        assert_string_equal(json_string_value(json_object_get(message, "from")),
                            i % 2 ? world.boris.id : world.anna.id);
    }
    json_decref(list);
}

static void every_message_in_order(void **state)
{
    (void)state;
    read_all();
}

/* The length of a whole answer, 0 when none came. */
static void *reader(void *payload)
{
    size_t *length = payload;
    struct answer answer;
    struct call call = {
        .port = port(), .path = dialog_path(&world.boris, "list"), .token = world.anna.token, .timeout_ms = 120000};
    *length = call_try(&answer, &call) && answer.status == 200 ? answer.length : 0;
    answer_free(&answer);
    call_end();
    return NULL;
}

/* The answers are 40 MiB each: what dialogsd needs for them is a few pages each. */
static void in_bounded_memory(void **state)
{
    (void)state;
    enum { MOST_KIB = 32 * 1024 };
    pthread_t threads[READERS];
    static size_t lengths[READERS]; /* outlives a test that fails */
    long before = process_memory(&world.process);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &lengths[i]), 0);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(lengths[i] > (size_t)MESSAGES * TEXT_LENGTH);
    }
    long after = process_memory(&world.process);
    print_message("memory: %ld KiB, and %ld KiB after %d answers at a time\n", before, after, READERS);
    assert_true(after - before < MOST_KIB);
}

static int ask_for_all(void)
{
    char request[2048];
    int fd = wire_open(port());
    snprintf(request, sizeof request, "GET /dialog/%s/list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
             world.boris.id, world.anna.token);
    assert_true(wire_say(fd, request));
    return fd;
}

/* Clients that go away at any moment leave nothing behind. */
static void clients_that_go_away(void **state)
{
    (void)state;
    char some[65536];
    for (int i = 0; i < 60; i++) {
        int fd = ask_for_all();
        for (int part = 0; part < i % 6; part++)
            assert_true(read(fd, some, sizeof some) > 0);
        close(fd);
    }
    assert_true(process_logs(&world.process, "\"aborted\":true"));
    read_all();
}

/* One that does not read keeps nobody waiting. */
static void clients_that_do_not_read(void **state)
{
    (void)state;
    int fds[8];
    for (size_t i = 0; i < 8; i++)
        fds[i] = ask_for_all();
    struct answer answer;
    call_expect(&answer,
                &(struct call){.port = port(),
                               .path = dialog_path(&world.boris, "list?limit=3"),
                               .token = world.anna.token,
                               .timeout_ms = 3000},
                200);
    answer_free(&answer);
    read_all();
    for (size_t i = 0; i < 8; i++)
        close(fds[i]);
}

static void a_head_without_the_body(void **state)
{
    (void)state;
    struct answer answer;
    call_expect(
        &answer,
        &(struct call){
            .port = port(), .method = "HEAD", .path = dialog_path(&world.boris, "list"), .token = world.anna.token},
        200);
    assert_int_equal(answer.length, 0);
    answer_free(&answer);
}

/* An answer whose rest cannot be had is visibly cut off, not ended. */
static void a_database_that_goes_away(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    char request[2048], some[4096];
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--set", "timeout_ms=3000", "--set", "token_issuer=dialogs", NULL});
    process_wait_ready(&process);
    person_make(&person, process.port);
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO dialogs (user_id, to_user_id, text, create_date) SELECT '%s', '%s', text,"
             " create_date FROM dialogs WHERE user_id = '%s'",
             person.id, world.boris.id, world.anna.id);
    assert_true(test_server_execute(world.server, sql));
    bool closed;
    int fd = wire_open(process.port);
    snprintf(request, sizeof request, "GET /dialog/%s/list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
             world.boris.id, person.token);
    assert_true(wire_say(fd, request));
    assert_true(read(fd, some, sizeof some) > 0);
    assert_true(test_server_kill(world.server));
    char *rest = wire_read(fd, 7500, &closed);
    assert_true(closed);
    assert_null(strstr(rest, "\r\n0\r\n\r\n"));
    free(rest);
    close(fd);
    assert_true(test_server_restart(world.server));
    process_wait_ready(&process);
    json_t *list = person_list(process.port, &person, &world.boris);
    assert_int_equal(json_array_size(list), MESSAGES / 2);
    json_decref(list);
    free(person.token);
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_in_order),  cmocka_unit_test(in_bounded_memory),
        cmocka_unit_test(clients_that_go_away),    cmocka_unit_test(clients_that_do_not_read),
        cmocka_unit_test(a_head_without_the_body), cmocka_unit_test(a_database_that_goes_away),
    };
    return cmocka_run_group_tests(tests, setup, world_teardown);
}
