/* Every call of the service, what it answers when all is well, and each code that it may refuse with. */
#include "check.h"
#include "wire.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const nobody = "00000000-0000-4000-8000-000000000000";

static int port(void)
{
    return world.process.port;
}

static void registers_and_shows_a_user(void **state)
{
    (void)state;
    static const char body[] = "{\"first_name\":\"\xd0\x90\xd0\xb4\xd0\xb0\",\"second_name\":\"Lovelace \\\"L\\\"\","
                               "\"birthdate\":\"1815-12-10\",\"biography\":\"line\\nline\",\"city\":null,"
                               "\"password\":\"p\",\"unknown\":[1,{}]}";
    struct answer answer;
    char path[128];
    call_expect(&answer, &(struct call){.port = port(), .path = "/user/register", .body = body}, 200);
    json_t *json = answer_json(&answer);
    snprintf(path, sizeof path, "/user/get/%s", json_string_value(json_object_get(json, "user_id")));
    json_decref(json);
    answer_free(&answer);
    call_expect(&answer, &(struct call){.port = port(), .path = path}, 200);
    json = answer_json(&answer);
    json_t *want = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", path + strlen("/user/get/"), "first_name",
                             "\xd0\x90\xd0\xb4\xd0\xb0", "second_name", "Lovelace \"L\"", "birthdate", "1815-12-10",
                             "biography", "line\nline", "city", "");
    assert_true(json_equal(json, want));
    json_decref(want);
    json_decref(json);
    answer_free(&answer);
}

/* Numbers beyond every type, in fields that the call ignores. */
static void ignores_what_it_does_not_know(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"x\":1e999,\"text\":\"12 1e999 \\\"-5\",\"y\":[-1E+400, 123456789012345678901234567890, 0.5e-999]}",
        "{\"x\":-0,\"text\":\"12 1e999 \\\"-5\",\"y\":{\"1\":1.0e0}}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct answer answer;
        struct call call = {
            .port = port(), .path = dialog_path(&world.clara, "send"), .token = world.anna.token, .body = texts[i]};
        call_expect(&answer, &call, 200);
        answer_free(&answer);
        json_t *list = person_list(port(), &world.anna, &world.clara);
        json_t *last = json_array_get(list, json_array_size(list) - 1);
        assert_string_equal(json_string_value(json_object_get(last, "text")), "12 1e999 \"-5");
        json_decref(list);
    }
    static const char *const bad[] = {"{\"x\":01,\"text\":\"x\"}", "{\"x\":1.,\"text\":\"x\"}",
                                      "{\"x\":+1,\"text\":\"x\"}", "{\"x\":1e,\"text\":\"x\"}",
                                      "{\"x\":-,\"text\":\"x\"}",  "{\"x\":1 2,\"text\":\"x\"}",
                                      "{\"x\":.5,\"text\":\"x\"}", "{\"x\":Infinity,\"text\":\"x\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        free(expect_error(
            &(struct call){
                .port = port(), .path = dialog_path(&world.clara, "send"), .token = world.anna.token, .body = bad[i]},
            400, -DLG_E_ARGUMENT));
}

/* Registers somebody who was born then, and says what the service keeps of it; to be freed. */
static char *birthdate_of(const char *given)
{
    struct answer answer;
    char body[128], path[128];
    snprintf(body, sizeof body, "{\"birthdate\":\"%s\",\"password\":\"p\"}", given);
    call_expect(&answer, &(struct call){.port = port(), .path = "/user/register", .body = body}, 200);
    json_t *json = answer_json(&answer);
    snprintf(path, sizeof path, "/user/get/%s", json_string_value(json_object_get(json, "user_id")));
    json_decref(json);
    answer_free(&answer);
    call_expect(&answer, &(struct call){.port = port(), .path = path}, 200);
    json = answer_json(&answer);
    char *kept = strdup(json_string_value(json_object_get(json, "birthdate")));
    json_decref(json);
    answer_free(&answer);
    return kept;
}

/* Clients whose dates are moments send a time behind them: Date.toISOString(), .NET's DateTime, Python's isoformat().
 */
static void a_time_behind_a_birthdate_is_left_out(void **state)
{
    (void)state;
    static const char *const given[] = {"1815-12-10",
                                        "1815-12-10T00:00:00",
                                        "1815-12-10T00:00:00Z",
                                        "1815-12-10T21:30:00.000Z",
                                        "1815-12-10T00:00:00.0000000+03:00",
                                        "1815-12-10 00:00:00",
                                        "1815-12-10T10:00",
                                        "1815-12-10T10:00:00-0330"};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        char *kept = birthdate_of(given[i]);
        assert_string_equal(kept, "1815-12-10");
        free(kept);
    }
}

static void a_path_may_end_in_a_slash(void **state)
{
    (void)state;
    char get[128], body[128];
    struct answer answer;
    snprintf(get, sizeof get, "/user/get/%s/", world.anna.id);
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"password\":\"secret\"}", world.anna.id);
    const struct call calls[] = {
        {.path = get},
        {.path = "/user/search/?first_name=No&last_name=body"},
        {.path = "/login/", .body = body},
        {.path = dialog_path(&world.clara, "send/"), .token = world.boris.token, .body = "{\"text\":\"x\"}"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct call call = calls[i];
        call.port = port();
        call_expect(&answer, &call, 200);
        answer_free(&answer);
    }
    struct call list = {.port = port(), .path = dialog_path(&world.clara, "list/"), .token = world.boris.token};
    call_expect(&answer, &list, 200);
    answer_free(&answer);
}

static void searches_by_the_beginning_of_names(void **state)
{
    (void)state;
    struct answer answer;
    static const char *const bodies[] = {"{\"first_name\":\"Zoltan\",\"second_name\":\"Q&A =%\",\"password\":\"p\"}",
                                         "{\"first_name\":\"Zora\",\"second_name\":\"Quirk\",\"password\":\"p\"}"};
    for (size_t i = 0; i < 2; i++) {
        call_expect(&answer, &(struct call){.port = port(), .path = "/user/register", .body = bodies[i]}, 200);
        answer_free(&answer);
    }
    static const struct {
        const char *query;
        size_t count;
    } cases[] = {{"first_name=Zo&last_name=Q", 2},
                 {"first_name=Zo&last_name=Q&limit=1", 1},
                 {"first_name=Zol&last_name=Q%26A+%3D%25", 1},
                 {"first_name=Zora&last_name=", 1},
                 {"last_name=Quirk&first_name=", 1},
                 {"first_name=Zq&last_name=", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        snprintf(path, sizeof path, "/user/search?%s", cases[i].query);
        call_expect(&answer, &(struct call){.port = port(), .path = path}, 200);
        json_t *json = answer_json(&answer);
        assert_int_equal(json_array_size(json), cases[i].count);
        json_decref(json);
        answer_free(&answer);
    }
}

static void sends_with_an_empty_answer_and_lists_oldest_first(void **state)
{
    (void)state;
    struct answer answer;
    struct call call = {.port = port(),
                        .path = dialog_path(&world.boris, "send"),
                        .token = world.anna.token,
                        .body = "{\"text\":\"one\"}"};
    call_expect(&answer, &call, 200);
    assert_int_equal(answer.length, 0);
    assert_null(answer_header(&answer, "Content-Type"));
    char *id = answer_header(&answer, "Message-Id");
    char *time = answer_header(&answer, "Message-Time");
    assert_non_null(id);
    assert_non_null(time);
    answer_free(&answer);
    person_send(port(), &world.boris, &world.anna, "two");
    person_send(port(), &world.anna, &world.clara, "to somebody else");
    json_t *list = person_list(port(), &world.anna, &world.boris);
    json_t *other = person_list(port(), &world.boris, &world.anna);
    assert_int_equal(json_array_size(list), 2);
    assert_true(json_equal(list, other));
    json_t *want = json_pack("{s:s, s:s, s:s, s:s, s:s}", "from", world.anna.id, "to", world.boris.id, "text", "one",
                             "id", id, "created_at", time);
    assert_true(json_equal(json_array_get(list, 0), want));
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "from")), world.boris.id);
    json_decref(want);
    json_decref(list);
    json_decref(other);
    free(id);
    free(time);
}

static void a_dialog_with_nobody_is_empty(void **state)
{
    (void)state;
    char path[128];
    struct answer answer;
    snprintf(path, sizeof path, "/dialog/%s/list", nobody);
    call_expect(&answer, &(struct call){.port = port(), .path = path, .token = world.anna.token}, 200);
    assert_string_equal(answer.body, "[]");
    answer_free(&answer);
}

static void a_dialog_with_oneself_shows_each_message_once(void **state)
{
    (void)state;
    person_send(port(), &world.clara, &world.clara, "note");
    json_t *list = person_list(port(), &world.clara, &world.clara);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
}

/* The same key: one message, one receipt, whatever the connection; another text is refused. */
static void an_idempotency_key_stores_one_message(void **state)
{
    (void)state;
    struct answer answer;
    struct call call = {.port = port(),
                        .path = dialog_path(&world.clara, "send"),
                        .token = world.boris.token,
                        .body = "{\"text\":\"once\"}",
                        .headers = {"Idempotency-Key: 7f-1"}};
    char *ids[2], *duplicate[2];
    for (int i = 0; i < 2; i++) {
        call_expect(&answer, &call, 200);
        ids[i] = answer_header(&answer, "Message-Id");
        duplicate[i] = answer_header(&answer, "Message-Duplicate");
        answer_free(&answer);
    }
    assert_string_equal(ids[0], ids[1]);
    assert_null(duplicate[0]);
    assert_string_equal(duplicate[1], "true");
    call.body = "{\"text\":\"another\"}";
    free(expect_error(&call, 422, -DLG_E_KEY_REUSED));
    json_t *list = person_list(port(), &world.boris, &world.clara);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    free(ids[0]);
    free(ids[1]);
    free(duplicate[1]);
}

static void login_says_what_is_wrong(void **state)
{
    (void)state;
    char body[128];
    struct call call = {.port = port(), .path = "/login", .body = body};
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"password\":\"wrong\"}", world.anna.id);
    free(expect_error(&call, 401, -DLG_E_PASSWORD));
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"password\":\"secret\"}", nobody);
    free(expect_error(&call, 404, -DLG_E_NOT_FOUND));
    snprintf(body, sizeof body, "{\"id\":\"42\",\"password\":\"secret\"}");
    free(expect_error(&call, 400, -DLG_E_ARGUMENT));
}

static void unknown_users_are_404(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "/user/get/%s", nobody);
    free(expect_error(&(struct call){.port = port(), .path = path}, 404, -DLG_E_NOT_FOUND));
    snprintf(path, sizeof path, "/dialog/%s/send", nobody);
    free(expect_error(
        &(struct call){.port = port(), .path = path, .token = world.anna.token, .body = "{\"text\":\"x\"}"}, 404,
        -DLG_E_RECIPIENT));
}

static void says_how_it_is(void **state)
{
    (void)state;
    struct answer answer;
    call_expect(&answer, &(struct call){.port = port(), .path = "/healthz"}, 200);
    json_t *json = answer_json(&answer);
    assert_string_equal(json_string_value(json_object_get(json, "version")), dlg_version());
    json_decref(json);
    answer_free(&answer);
    call_expect(&answer, &(struct call){.port = port(), .path = "/readyz"}, 200);
    assert_int_equal(strncmp(answer.body, "{\"status\":\"ready\"", 17), 0);
    answer_free(&answer);
}

/* A good request id is kept, another is replaced; both stand in the answer and in the log. */
static void names_requests(void **state)
{
    (void)state;
    struct answer answer;
    call_expect(&answer, &(struct call){.port = port(), .path = "/healthz", .headers = {"X-Request-Id: my.request-1"}},
                200);
    char *id = answer_header(&answer, "X-Request-Id");
    assert_string_equal(id, "my.request-1");
    free(id);
    answer_free(&answer);
    assert_true(process_logs(&world.process, "\"request_id\":\"my.request-1\""));
    call_expect(&answer, &(struct call){.port = port(), .path = "/healthz", .headers = {"X-Request-Id: a\"b c"}}, 200);
    id = answer_header(&answer, "X-Request-Id");
    assert_true(strlen(id) > 8 && !strchr(id, '"'));
    assert_true(process_logs(&world.process, id));
    free(id);
    answer_free(&answer);
}

/* Each line is an object; nothing that is secret or private is in any. */
static void the_log_tells_no_secrets(void **state)
{
    (void)state;
    person_send(port(), &world.anna, &world.boris, "a very private text");
    struct answer answer;
    call_expect(&answer, &(struct call){.port = port(), .path = "/healthz", .headers = {"X-Request-Id: the-end"}}, 200);
    answer_free(&answer);
    assert_true(process_logs(&world.process, "\"the-end\""));
    char *log = process_logged(&world.process);
    assert_null(strstr(log, "private"));
    assert_null(strstr(log, "secret"));
    assert_null(strstr(log, world.anna.token));
    assert_non_null(strstr(log, world.anna.id));
    size_t lines = 0;
    for (char *line = log, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
        json_t *json = json_loadb(line, (size_t)(end - line), 0, NULL);
        assert_true(json_is_object(json));
        assert_true(json_is_integer(json_object_get(json, "status")));
        json_decref(json);
    }
    assert_true(lines > 10);
    free(log);
}

/* Runs a command of the shell and returns what it printed. */
static char *run(const char *command)
{
    char *text = NULL;
    size_t size = 0;
    FILE *output = popen(command, "re");
    assert_non_null(output);
    if (getdelim(&text, &size, EOF, output) < 0 && text)
        *text = '\0';
    assert_int_equal(pclose(output), 0);
    return text ? text : strdup("");
}

/* The customary commands, as people have them in their notes. */
static void the_classic_curls_work(void **state)
{
    (void)state;
    struct process process;
    char command[2048];
    process_start(&process, test_server_conninfo(world.server), (const char *const[]){"--demo", NULL});
    process_wait_ready(&process);
    snprintf(command, sizeof command,
             "curl -sS -X POST http://localhost:%d/login -H 'accept: text/plain' -H 'Content-Type: "
             "application/json-patch+json'"
             " -d '{\"id\":\"387ac1c1-6581-4ace-a113-707c8585fe28\",\"password\":\"string\"}'",
             process.port);
    char *login = run(command);
    json_t *json = json_loads(login, 0, NULL);
    const char *token = json_string_value(json_object_get(json, "token"));
    assert_non_null(token);
    snprintf(command, sizeof command,
             "curl -sS -f -X POST http://localhost:%d/dialog/aa45b640-d501-4101-83f2-de96b672129f/send"
             " -H 'accept: */*' -H 'Authorization: Bearer %s' -H 'Content-Type: application/json-patch+json'"
             " -d '{\"text\":\"Hello!\"}'",
             process.port, token);
    char *sent = run(command);
    struct answer found; /* the demo users have names, so that a search by the examples finds one */
    call_expect(&found, &(struct call){.port = process.port, .path = "/user/search?first_name=An&last_name=Iv"}, 200);
    assert_int_equal(count_of(found.body, "387ac1c1-6581-4ace-a113-707c8585fe28"), 1);
    answer_free(&found);
    assert_string_equal(sent, "");
    snprintf(command, sizeof command,
             "curl -sS -f http://localhost:%d/dialog/aa45b640-d501-4101-83f2-de96b672129f/list -H 'accept: text/plain'"
             " -H 'Authorization: Bearer %s'",
             process.port, token);
    char *list = run(command);
    assert_int_equal(count_of(list, "\"text\":\"Hello!\""), 1);
    free(list);
    free(sent);
    free(login);
    json_decref(json);
    process_stop(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_and_shows_a_user),
        cmocka_unit_test(ignores_what_it_does_not_know),
        cmocka_unit_test(a_time_behind_a_birthdate_is_left_out),
        cmocka_unit_test(searches_by_the_beginning_of_names),
        cmocka_unit_test(sends_with_an_empty_answer_and_lists_oldest_first),
        cmocka_unit_test(a_dialog_with_nobody_is_empty),
        cmocka_unit_test(a_dialog_with_oneself_shows_each_message_once),
        cmocka_unit_test(an_idempotency_key_stores_one_message),
        cmocka_unit_test(a_path_may_end_in_a_slash),
        cmocka_unit_test(login_says_what_is_wrong),
        cmocka_unit_test(unknown_users_are_404),
        cmocka_unit_test(says_how_it_is),
        cmocka_unit_test(names_requests),
        cmocka_unit_test(the_log_tells_no_secrets),
        cmocka_unit_test(the_classic_curls_work),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
