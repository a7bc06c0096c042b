/* Bad input: every piece of it is refused with a code and a reason, and nothing is stored. */
#include "check.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int port(void)
{
    return world.process.port;
}

/* An error that is expected, and a part of what it has to say. */
static void refused(struct call call, long status, int code, const char *part)
{
    call.port = port();
    char *message = expect_error(&call, status, code);
    if (!strstr(message, part))
        fail_msg("%s: \"%s\" does not say \"%s\"", call.path, message, part);
    free(message);
}

static struct call sending(const char *body, size_t length)
{
    return (struct call){
        .path = dialog_path(&world.boris, "send"), .token = world.anna.token, .body = body, .length = length};
}

static void malformed_json(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *says;
    } cases[] = {
        {"{", "not JSON"},
        {"{\"text\":\"x\"", "not JSON"},
        {"{\"text\":\"x\"} trailing", "not JSON"},
        {"{'text':'x'}", "not JSON"},
        {"{\"text\":\"a\",\"text\":\"b\"}", "duplicate"},
        {"text=hello", "not JSON"},
        {"\"text\"", "not JSON"},
        {"[\"text\"]", "not an object"},
        {"{\"text\":5}", "\"text\" is not a string"},
        {"{\"text\":[\"x\"]}", "\"text\" is not a string"},
        {"{\"text\":true}", "\"text\" is not a string"},
        {"{\"text\":null}", "no \"text\""},
        {"{\"Text\":\"x\"}", "no \"text\""},
        {"{}", "no \"text\""},
        {"{\"text\":1e999}", "\"text\" is not a string"},
        {"{\"text\":\"\\ud800\"}", "not JSON"},
        {"{\"text\":\"\t\"}", "not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(sending(cases[i].body, 0), 400, -DLG_E_ARGUMENT, cases[i].says);
}

static void an_empty_body(void **state)
{
    (void)state;
    struct call call = sending("", 0);
    refused(call, 400, -DLG_E_ARGUMENT, "empty");
    call.body = NULL;
    call.method = "POST";
    refused(call, 400, -DLG_E_ARGUMENT, "empty");
}

static void bytes_that_are_no_utf8(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"text\":\"\xff\"}", "{\"text\":\"\xc0\xaf\"}",
                                         "{\"text\":\"\xed\xa0\x80\"}", "{\"text\":\"\xf4\x90\x80\x80\"}",
                                         "{\"text\":\"\xe2\x82\"}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        refused(sending(bodies[i], 0), 400, -DLG_E_ARGUMENT, "not JSON");
}

static void nul_in_a_text(void **state)
{
    (void)state;
    refused(sending("{\"text\":\"a\\u0000b\"}", 0), 400, -DLG_E_TEXT, "NUL");
    refused(sending("{\"text\":\"\\u0000\"}", 0), 400, -DLG_E_TEXT, "NUL");
    refused(sending("{\"text\":\"a\0b\"}", 14), 400, -DLG_E_ARGUMENT, "not JSON");
    refused((struct call){.path = "/user/register", .body = "{\"city\":\"a\\u0000b\",\"password\":\"x\"}"}, 400,
            -DLG_E_ARGUMENT, "NUL");
}

static void an_empty_text(void **state)
{
    (void)state;
    refused(sending("{\"text\":\"\"}", 0), 400, -DLG_E_TEXT, "empty");
}

/* 64 KiB are taken, one byte more is not; both also when every byte is escaped. */
static void the_longest_text(void **state)
{
    (void)state;
    for (size_t each = 1; each <= 6; each += 5) {
        size_t length = each * (DLG_TEXT_LIMIT + 1);
        char *body = malloc(length + 16);
        for (int more = 1; more >= 0; more--) {
            char *to = stpcpy(body, "{\"text\":\"");
            for (size_t i = 0; i < (size_t)DLG_TEXT_LIMIT + (size_t)more; i++)
                to = stpcpy(to, each == 1 ? "x" : "\\u0007");
            stpcpy(to, "\"}");
            struct answer answer;
            struct call call = sending(body, 0);
            call.port = port();
            if (more)
                refused(call, 413, -DLG_E_TOO_LARGE, "65536");
            else
                call_expect(&answer, &call, 200);
            if (!more)
                answer_free(&answer);
        }
        free(body);
    }
}

static void a_huge_body(void **state)
{
    (void)state;
    static const size_t lengths[] = {(size_t)600 << 10, (size_t)8 << 20, (size_t)48 << 20};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char *body = malloc(lengths[i]);
        memset(body, ' ', lengths[i]);
        refused(sending(body, lengths[i]), 413, -DLG_E_TOO_LARGE, "longer than");
        free(body);
    }
}

static void deep_json(void **state)
{
    (void)state;
    static const size_t depth = 200000;
    char *body = malloc(2 * depth + 32);
    char *to = stpcpy(body, "{\"text\":");
    memset(to, '[', depth);
    memset(to + depth, ']', depth);
    memcpy(to + 2 * depth, "}", 2);
    refused(sending(body, 0), 400, -DLG_E_ARGUMENT, "values");
    free(body);
}

/* The calls take a few values. The tree of many is many times as large as they are, and its making takes long. */
static void many_values(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    char json[2 * MANY + 64], packed[MANY + 64];
    char *to = stpcpy(json, "{\"text\":\"x\",\"y\":[0");
    for (int i = 0; i < MANY; i++)
        to = stpcpy(to, ",0");
    stpcpy(to, "]}");
    refused(sending(json, 0), 400, -DLG_E_ARGUMENT, "values");
    struct call call = sending(packed, 0);
    static const unsigned char many[13] = "\x82\xa4text\xa1x\xa1y\xdc\x07\xd0";
    memcpy(packed, many, sizeof many);
    memset(packed + 13, 0x90, MANY); /* empty arrays */
    call.length = 13 + MANY;
    call.headers[0] = "Content-Type: application/vnd.msgpack";
    refused(call, 400, -DLG_E_ARGUMENT, "values");
    static const unsigned char announced[8] = "\x81\xa1y\xdf\xff\xff\xff\xff"; /* four billion */
    memcpy(packed, announced, sizeof announced);
    call.length = sizeof announced;
    refused(call, 400, -DLG_E_ARGUMENT, "values");
}

/* Commas and brackets of a text are no values. */
static void a_text_of_brackets(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    char body[MANY + 64];
    char *to = stpcpy(body, "{\"text\":\"");
    for (int i = 0; i < MANY / 3; i++)
        to = stpcpy(to, "[,{");
    stpcpy(to, "\"}");
    struct answer answer;
    struct call call = sending(body, 0);
    call.port = port();
    call.path = dialog_path(&world.clara, "send");
    call_expect(&answer, &call, 200);
    answer_free(&answer);
}

/* A login has an id and a password, and nobody has to read more than that from strangers. */
static void long_logins(void **state)
{
    (void)state;
    enum { LONG = 20000 };
    char *body = malloc(LONG + 64);
    char *to = stpcpy(body, "{\"id\":\"x\",\"password\":\"");
    memset(to, 'x', LONG);
    memcpy(to + LONG, "\"}", 3);
    refused((struct call){.port = world.process.port, .path = "/login", .body = body}, 413, -DLG_E_TOO_LARGE, "16384");
    free(body);
}

static void bad_ids(void **state)
{
    (void)state;
    static const char *const ids[] = {"",
                                      "1",
                                      "387ac1c1-6581-4ace-a113-707c8585fe2",
                                      "387ac1c1-6581-4ace-a113-707c8585fe2g",
                                      "%7B387ac1c1-6581-4ace-a113-707c8585fe28%7D",
                                      "me",
                                      "387ac1c1-6581-4ace-a113-707c8585fe28%00"};
    char path[128];
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        bool no_path = ids[i][0] == '\0' || strstr(ids[i], "%00");
        snprintf(path, sizeof path, "/dialog/%s/list", ids[i]);
        refused((struct call){.path = path, .token = world.anna.token}, no_path ? 404 : 400,
                no_path ? 404 : -DLG_E_ARGUMENT, "");
        snprintf(path, sizeof path, "/dialog/%s/send", ids[i]);
        refused((struct call){.path = path, .token = world.anna.token, .body = "{\"text\":\"x\"}"}, no_path ? 404 : 400,
                no_path ? 404 : -DLG_E_ARGUMENT, "");
        snprintf(path, sizeof path, "/user/get/%s", ids[i]);
        refused((struct call){.path = path}, no_path ? 404 : 400, no_path ? 404 : -DLG_E_ARGUMENT, "");
    }
    snprintf(path, sizeof path, "/dialog/00000000-0000-0000-0000-000000000000/send");
    refused((struct call){.path = path, .token = world.anna.token, .body = "{\"text\":\"x\"}"}, 400, -DLG_E_ARGUMENT,
            "");
}

static void bad_registrations(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *says;
    } cases[] = {
        {"{\"first_name\":\"A\"}", "password"},
        {"{\"password\":\"\"}", "password"},
        {"{\"password\":5}", "password"},
        {"{\"password\":\"p\",\"birthdate\":\"yesterday\"}", "birthdate"},
        {"{\"password\":\"p\",\"birthdate\":\"2023-02-29\"}", "birthdate"},
        {"{\"password\":\"p\",\"birthdate\":\"2023-02-29T00:00:00Z\"}", "birthdate"},
        {"{\"password\":\"p\",\"birthdate\":\"2023-02-28T\"}", "birthdate"},
        {"{\"password\":\"p\",\"birthdate\":\"2023-02-28 noon\"}", "birthdate"},
        {"{\"password\":\"p\",\"birthdate\":\"2023-02-28T10:00:00.Z\"}", "birthdate"},
        {"{\"password\":\"p\",\"birthdate\":\"2023-02-28T10:00:00Z+03:00\"}", "birthdate"},
        {"{\"password\":\"p\",\"birthdate\":\"02/28/2023\"}", "birthdate"},
        {"{\"password\":\"p\",\"first_name\":{}}", "first_name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused((struct call){.path = "/user/register", .body = cases[i].body}, 400, -DLG_E_ARGUMENT, cases[i].says);
    char city[DLG_NAME_LIMIT + 2] = "", body[DLG_NAME_LIMIT + 64];
    memset(city, 'x', DLG_NAME_LIMIT + 1);
    snprintf(body, sizeof body, "{\"password\":\"p\",\"city\":\"%s\"}", city);
    refused((struct call){.path = "/user/register", .body = body}, 400, -DLG_E_TOO_LARGE, "");
}

static void bad_searches(void **state)
{
    (void)state;
    static const char *const queries[] = {"",
                                          "?first_name=A",
                                          "?last_name=A",
                                          "?first_name=A&last_name=B&limit=0",
                                          "?first_name=A&last_name=B&limit=ten",
                                          "?first_name=A&first_name=B&last_name=C",
                                          "?first_name=%00&last_name=B",
                                          "?first_name=%FF&last_name=B"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char path[128];
        snprintf(path, sizeof path, "/user/search%s", queries[i]);
        refused((struct call){.path = path}, 400, -DLG_E_ARGUMENT, "");
    }
}

static void bad_limits(void **state)
{
    (void)state;
    static const char *const limits[] = {"0",    "-1",   "1000000000", "1001", "99999999999999999999",
                                         "abc",  "",     "1.5",        "+5",   "%205",
                                         "5%20", "0x10", "1e2",        "5%00"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s?limit=%s", dialog_path(&world.boris, "list"), limits[i]);
        refused((struct call){.path = path, .token = world.anna.token}, 400, -DLG_E_ARGUMENT, "limit");
    }
}

static void bad_keys(void **state)
{
    (void)state;
    char header[400] = "Idempotency-Key: ";
    struct call call = sending("{\"text\":\"x\"}", 0);
    call.headers[0] = "Idempotency-Key;"; /* how curl spells a header without a value */
    refused(call, 400, -DLG_E_ARGUMENT, "Idempotency-Key");
    memset(header + strlen(header), 'k', 256);
    call.headers[0] = header;
    refused(call, 400, -DLG_E_ARGUMENT, "Idempotency-Key");
}

/* A parameter that a call does not know may change what is asked for: it is named, and never ignored. */
static void unknown_parameters(void **state)
{
    (void)state;
    char send[128], list[128], get[128];
    snprintf(send, sizeof send, "%s?idempotency_key=1", dialog_path(&world.boris, "send"));
    snprintf(list, sizeof list, "%s?limit=5&offset=10", dialog_path(&world.boris, "list"));
    snprintf(get, sizeof get, "/user/get/%s?fields=id", world.boris.id);
    const struct {
        struct call call;
        const char *names;
    } cases[] = {
        {{.path = list, .token = world.anna.token}, "\"offset\"; parameters of this call: limit, before, after"},
        {{.path = "/user/search?first_name=&last_name=&Limit=1"}, "\"Limit\"; parameters of this call: first_name"},
        {{.path = "/events?from=x", .token = world.anna.token}, "\"from\"; parameters of this call: after"},
        {{.path = get}, "\"fields\"; parameters of this call: none"},
        {{.path = send, .token = world.anna.token, .body = "{\"text\":\"x\"}"}, "\"idempotency_key\""},
        {{.path = "/login?id=x", .body = "{}"}, "\"id\""},
        {{.path = "/user/search?first_name=&last_name=&%22%0a%ff=1"}, "\"\"??\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].call, 400, -DLG_E_ARGUMENT, cases[i].names);
    struct answer answer; /* a cache is kept from answering, and a monitor adds what it likes */
    call_expect(&answer, &(struct call){.port = port(), .path = "/user/search?first_name=&last_name=&_=17"}, 200);
    answer_free(&answer);
    call_expect(&answer, &(struct call){.port = port(), .path = "/healthz?x=1"}, 200);
    answer_free(&answer);
}

static void wrong_methods(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *path;
        const char *allow;
    } cases[] = {
        {"GET", "/login", "POST, OPTIONS"},
        {"PUT", "/user/register", "POST, OPTIONS"},
        {"DELETE", "/user/search", "GET, HEAD, OPTIONS"},
        {"PATCH", "/healthz", "GET, HEAD, OPTIONS"},
        {"BREW", "/readyz", "GET, HEAD, OPTIONS"},
        {"get", "/healthz", "GET, HEAD, OPTIONS"},
        {"POST", "/swagger/index.html", "GET, HEAD, OPTIONS"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer answer;
        struct call call = {.port = port(), .method = cases[i].method, .path = cases[i].path};
        refused(call, 405, 405, "");
        call_expect(&answer, &call, 405);
        char *allow = answer_header(&answer, "Allow");
        assert_string_equal(allow, cases[i].allow);
        free(allow);
        answer_free(&answer);
    }
}

static void wrong_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {"/nope",
                                        "//login",
                                        "/LOGIN",
                                        "/user",
                                        "/user/get",
                                        "/dialog",
                                        "/healthz%00",
                                        "/swagger/..%2f..%2fetc%2fpasswd",
                                        "/swagger/../openapi.yaml",
                                        "/swagger/nope.js",
                                        "/healthz/..",
                                        "/metrics/", /* a proxy may keep "/metrics" from the outside */
                                        "/readyz/",
                                        "/login//",
                                        "/%",
                                        "/%zz"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        refused((struct call){.path = paths[i]}, 404, 404, "/swagger/index.html");
}

static void wrong_types(void **state)
{
    (void)state;
    static const char *const types[] = {"Content-Type: text/plain; charset=windows-1251",
                                        "Content-Type: text/html",
                                        "Content-Type: application/x-www-form-urlencoded",
                                        "Content-Type: application/xml",
                                        "Content-Type: application/jsonx",
                                        "Content-Type: application/json; charset=iso-8859-1",
                                        "Content-Type: multipart/form-data; boundary=x"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct call call = sending("{\"text\":\"x\"}", 0);
        call.headers[0] = types[i];
        refused(call, 415, 415, "Content-Type");
    }
    struct call call = sending("{\"text\":\"x\"}", 0);
    call.headers[0] = "Content-Encoding: gzip";
    refused(call, 415, 415, "Content-Encoding");
}

static void good_types(void **state)
{
    (void)state;
    static const char *const types[] = {"Content-Type: application/json",
                                        "Content-Type: application/json-patch+json",
                                        "Content-Type: APPLICATION/JSON;charset=\"UTF-8\"",
                                        "Content-Type: application/problem+json",
                                        "Content-Type:",
                                        "Content-Type: text/plain;charset=UTF-8", /* fetch, of a string */
                                        "Content-Type: text/plain",
                                        "Content-Type: text/json; charset=utf-8"};
    static const char *const accepts[] = {"Accept: text/plain", "Accept: */*", "Accept: application/json",
                                          "Accept: text/html, application/*;q=0.1", "Accept:"};
    const size_t accept_count = sizeof accepts / sizeof *accepts;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct answer answer;
        struct call call = {.path = dialog_path(&world.clara, "send"),
                            .token = world.anna.token,
                            .body = "{\"text\":\"x\"}",
                            .headers = {types[i], accepts[i % accept_count]},
                            .port = port()};
        call_expect(&answer, &call, 200);
        answer_free(&answer);
    }
}

static void wrong_accepts(void **state)
{
    (void)state;
    static const char *const accepts[] = {"Accept: image/png", "Accept: text/html", "Accept: application/json;q=0",
                                          "Accept: application/json;q=0.000, */*", "Accept: application/msgpack"};
    for (size_t i = 0; i < sizeof accepts / sizeof *accepts; i++)
        refused((struct call){.path = "/healthz", .headers = {accepts[i]}}, 406, 406, "Accept");
}

/* Of all that was sent to Boris above, only the two longest texts. */
static void nothing_of_it_was_stored(void **state)
{
    (void)state;
    json_t *list = person_list(port(), &world.anna, &world.boris);
    assert_int_equal(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(json_string_length(json_object_get(json_array_get(list, i), "text")), DLG_TEXT_LIMIT);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_json),
        cmocka_unit_test(an_empty_body),
        cmocka_unit_test(bytes_that_are_no_utf8),
        cmocka_unit_test(nul_in_a_text),
        cmocka_unit_test(an_empty_text),
        cmocka_unit_test(the_longest_text),
        cmocka_unit_test(a_huge_body),
        cmocka_unit_test(deep_json),
        cmocka_unit_test(many_values),
        cmocka_unit_test(a_text_of_brackets),
        cmocka_unit_test(long_logins),
        cmocka_unit_test(bad_ids),
        cmocka_unit_test(bad_registrations),
        cmocka_unit_test(bad_searches),
        cmocka_unit_test(bad_limits),
        cmocka_unit_test(bad_keys),
        cmocka_unit_test(unknown_parameters),
        cmocka_unit_test(wrong_methods),
        cmocka_unit_test(wrong_paths),
        cmocka_unit_test(wrong_types),
        cmocka_unit_test(good_types),
        cmocka_unit_test(wrong_accepts),
        cmocka_unit_test(nothing_of_it_was_stored),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
