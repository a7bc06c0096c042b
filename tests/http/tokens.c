/* Tokens: without a good one there is no dialog, and with one only one's own. */
#include "check.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int port(void)
{
    return world.process.port;
}

static void refused(const char *const *headers, int code)
{
    struct call calls[] = {
        {.port = port(), .path = dialog_path(&world.boris, "list")},
        {.port = port(), .method = "POST", .path = "/dialog/not-even-an-id/send", .body = "{\"text\":\"x\"}"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct answer answer;
        for (size_t j = 0; headers[j]; j++)
            calls[i].headers[j] = headers[j];
        free(expect_error(&calls[i], 401, code));
        call_expect(&answer, &calls[i], 401);
        char *how = answer_header(&answer, "WWW-Authenticate");
        assert_non_null(how);
        assert_int_equal(strncmp(how, "Bearer realm=\"dialogs\"", 22), 0);
        bool token = headers[0] && strncmp(headers[0], "Authorization: Bearer ", 22) == 0;
        assert_int_equal(strstr(how, "error=\"invalid_token\"") != NULL, token);
        free(how);
        answer_free(&answer);
    }
}

static void token_refused(const char *token, int code)
{
    char header[4096];
    snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    refused((const char *const[]){header, NULL}, code);
}

static void without_a_token(void **state)
{
    (void)state;
    static const char *const headers[] = {"Authorization: Basic YTpi", "Authorization: Bearer",
                                          "Authorization:", "Authorization;", "Authorization: Token x"};
    refused((const char *const[]){NULL}, -DLG_E_TOKEN);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        refused((const char *const[]){headers[i], NULL}, -DLG_E_TOKEN);
}

static void with_what_is_no_token(void **state)
{
    (void)state;
    char longer[2048];
    token_refused("x", -DLG_E_TOKEN);
    token_refused("v4.public.", -DLG_E_TOKEN);
    token_refused("v4.local.AAAA", -DLG_E_TOKEN);
    token_refused(world.anna.id, -DLG_E_TOKEN);
    snprintf(longer, sizeof longer, "%sx", world.anna.token);
    token_refused(longer, -DLG_E_TOKEN);
    snprintf(longer, sizeof longer, "%s %s", world.anna.token, world.anna.token);
    token_refused(longer, -DLG_E_TOKEN);
}

/* Each character of the signed part, changed, makes it another token. */
static void with_a_tampered_token(void **state)
{
    (void)state;
    char *token = strdup(world.anna.token);
    for (size_t i = 0; i < strlen(token); i += 7) {
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        token_refused(token, -DLG_E_TOKEN);
        token[i] = was;
    }
    free(token);
}

/* Another service with the same database and its own key: its tokens are nothing here. */
static void with_a_token_of_another_key(void **state)
{
    (void)state;
    struct process other;
    struct person stranger;
    process_start(&other, test_server_conninfo(world.server), NULL);
    process_wait_ready(&other);
    person_make(&stranger, other.port);
    token_refused(stranger.token, -DLG_E_TOKEN);
    free(stranger.token);
    process_stop(&other);
}

static void with_an_expired_token(void **state)
{
    (void)state;
    struct process process;
    struct person person;
    struct answer answer;
    process_start(&process, test_server_conninfo(world.server),
                  (const char *const[]){"--set", "token_lifetime_s=1", NULL});
    process_wait_ready(&process);
    person_make(&person, process.port);
    struct call call = {.port = process.port, .path = dialog_path(&world.boris, "list"), .token = person.token};
    bool ends = false;
    for (int i = 0; i < 100 && !ends; i++) {
        pause_ms(50);
        assert_true(call_try(&answer, &call));
        ends = answer.status != 200;
        answer_free(&answer);
    }
    free(expect_error(&call, 401, -DLG_E_TOKEN_EXPIRED));
    free(person.token);
    process_stop(&process);
}

/* The scheme's name has no case (RFC 9110). */
static void the_scheme_in_any_case(void **state)
{
    (void)state;
    char header[4096];
    struct answer answer;
    snprintf(header, sizeof header, "Authorization: bEARER  %s", world.anna.token);
    call_expect(&answer, &(struct call){.port = port(), .path = dialog_path(&world.boris, "list"), .headers = {header}},
                200);
    answer_free(&answer);
}

/* Who asks stands in the token only: no parameter, header or field changes that. */
static void somebody_elses_dialog_cannot_be_asked_for(void **state)
{
    (void)state;
    char path[256], header[128], body[256];
    struct answer answer;
    person_send(port(), &world.anna, &world.boris, "between us");
    snprintf(path, sizeof path, "%s?user_id=%s&from=%s&user=%s", dialog_path(&world.boris, "list"), world.anna.id,
             world.anna.id, world.anna.id);
    snprintf(header, sizeof header, "X-User-Id: %s", world.anna.id);
    free(expect_error(&(struct call){.port = port(), .path = path, .token = world.clara.token}, 400, -DLG_E_ARGUMENT));
    struct call list = {
        .port = port(), .path = dialog_path(&world.boris, "list"), .token = world.clara.token, .headers = {header}};
    call_expect(&answer, &list, 200);
    assert_string_equal(answer.body, "[]");
    answer_free(&answer);
    snprintf(body, sizeof body, "{\"text\":\"forged\",\"from\":\"%s\",\"user_id\":\"%s\"}", world.anna.id,
             world.anna.id);
    call_expect(
        &answer,
        &(struct call){
            .port = port(), .path = dialog_path(&world.boris, "send"), .token = world.clara.token, .body = body},
        200);
    answer_free(&answer);
    json_t *theirs = person_list(port(), &world.anna, &world.boris);
    assert_int_equal(json_array_size(theirs), 1);
    json_t *own = person_list(port(), &world.clara, &world.boris);
    assert_string_equal(json_string_value(json_object_get(json_array_get(own, 0), "from")), world.clara.id);
    json_decref(theirs);
    json_decref(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_token),
        cmocka_unit_test(with_what_is_no_token),
        cmocka_unit_test(with_a_tampered_token),
        cmocka_unit_test(with_a_token_of_another_key),
        cmocka_unit_test(with_an_expired_token),
        cmocka_unit_test(the_scheme_in_any_case),
        cmocka_unit_test(somebody_elses_dialog_cannot_be_asked_for),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
