/* A token that has ended stays ended: after a restart, at other replicas, without Redis; so do those of an old
 * password. */
#include "check.h"
#include "sse.h"
#include "world.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct process other; /* of the same keys and database, and nothing else in common */

static void start(struct process *process)
{
    char keys[128];
    snprintf(keys, sizeof keys, "token_key_file=%s/keys", world.process.directory);
    process_start(process, test_server_conninfo(world.server),
                  (const char *const[]){"--set", keys, "--catch-up", "1", NULL});
    process_wait_ready(process);
}

static int open_both(void **state)
{
    if (world_setup(state) != 0)
        return -1;
    start(&other);
    return 0;
}

static int close_both(void **state)
{
    process_stop(&other);
    return world_teardown(state);
}

static struct call list_of(const struct process *process, const struct person *person)
{
    return (struct call){.port = process->port, .path = dialog_path(&world.boris, "list"), .token = person->token};
}

static void assert_good(const struct process *process, const struct person *person)
{
    struct answer answer;
    struct call list = list_of(process, person);
    call_expect(&answer, &list, 200);
    answer_free(&answer);
}

/* Within the time that an answer of the database is believed, and some for a busy machine. */
static void assert_ends(const struct process *process, const struct person *person)
{
    struct call list = list_of(process, person);
    long status = 200;
    for (int i = 0; i < 600 && status == 200; i++) {
        struct answer answer;
        assert_true(call_try(&answer, &list));
        status = answer.status;
        answer_free(&answer);
        pause_ms(50);
    }
    free(expect_error(&list, 401, -DLG_E_TOKEN));
}

static void log_out(const struct process *process, const struct person *person)
{
    struct answer answer;
    call_expect(&answer,
                &(struct call){.port = process->port, .method = "POST", .path = "/logout", .token = person->token},
                200);
    assert_int_equal(answer.length, 0);
    answer_free(&answer);
}

static void run_sql(const char *format, const char *id)
{
    char sql[256];
    PGconn *conn = PQconnectdb(test_server_conninfo_admin(world.server));
    snprintf(sql, sizeof sql, format, id);
    PGresult *result = PQexec(conn, sql);
    assert_string_equal(PQcmdTuples(result), "1");
    PQclear(result);
    PQfinish(conn);
}

static void a_logout_survives_a_restart(void **state)
{
    (void)state;
    struct person person;
    struct process process;
    start(&process);
    person_make(&person, process.port);
    assert_good(&process, &person);
    log_out(&process, &person);
    struct call list = list_of(&process, &person);
    free(expect_error(&list, 401, -DLG_E_TOKEN));
    process_stop(&process);
    start(&process);
    list.port = process.port;
    free(expect_error(&list, 401, -DLG_E_TOKEN));
    process_stop(&process);
    free(person.token);
}

static void a_logout_reaches_other_replicas_without_redis(void **state)
{
    (void)state;
    struct person person;
    person_make(&person, other.port);
    assert_good(&world.process, &person);
    assert_good(&other, &person);
    log_out(&other, &person);
    assert_ends(&world.process, &person);
    assert_good(&world.process, &world.anna);
    free(person.token);
}

/* As dlgctl user passwd does it, beside the service. */
static void a_new_password_ends_tokens_and_streams(void **state)
{
    (void)state;
    struct person person;
    struct sse stream;
    dlg_uuid id;
    dlg_client *client = NULL;
    dlg_error *error = NULL;
    person_make(&person, world.process.port);
    assert_good(&world.process, &person);
    sse_open(&stream, other.port, person.token, NULL);
    person_send(world.process.port, &world.anna, &person, "before");
    sse_expect(&stream, "before");
    dlg_uuid_parse(&id, person.id, DLG_NTS);
    assert_ok(dlg_open(&client, test_server_conninfo(world.server), NULL, &error), error);
    assert_ok(dlg_user_set_password(client, &id, "another one", DLG_NTS, &error), error);
    dlg_close(NULL, client, 0);
    assert_ends(&world.process, &person);
    assert_ends(&other, &person);
    for (int i = 0; i < 60 && !stream.closed; i++)
        sse_next(&stream, 500);
    assert_true(stream.closed);
    sse_close(&stream);
    free(person.token);
}

static void a_user_who_is_gone_sends_no_more(void **state)
{
    (void)state;
    struct person person;
    struct sse stream;
    person_make(&person, world.process.port);
    person_send(world.process.port, &person, &world.boris, "I am here");
    sse_open(&stream, other.port, person.token, NULL);
    run_sql("DELETE FROM users WHERE id = '%s'", person.id);
    assert_ends(&world.process, &person);
    struct call send = {.port = world.process.port,
                        .path = dialog_path(&world.boris, "send"),
                        .token = person.token,
                        .body = "{\"text\":\"still here\"}"};
    free(expect_error(&send, 401, -DLG_E_TOKEN));
    for (int i = 0; i < 60 && !stream.closed; i++)
        sse_next(&stream, 500);
    assert_true(stream.closed);
    sse_close(&stream);
    free(person.token);
}

/* Hardly any of them costs a question: so many requests come while one answer is believed. */
static void the_common_case_is_cheap(void **state)
{
    (void)state;
    enum { LISTS = 300 };
    assert_good(&world.process, &world.anna);
    double before = metric_value(world.process.port, "dialogs_requests_total");
    for (int i = 0; i < LISTS; i++)
        assert_good(&world.process, &world.anna);
    double asked = metric_value(world.process.port, "dialogs_requests_total") - before;
    assert_true(asked >= LISTS && asked < LISTS * 1.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_logout_survives_a_restart),
        cmocka_unit_test(a_logout_reaches_other_replicas_without_redis),
        cmocka_unit_test(a_new_password_ends_tokens_and_streams),
        cmocka_unit_test(a_user_who_is_gone_sends_no_more),
        cmocka_unit_test(the_common_case_is_cheap),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
