#include "world.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world world;

static char *field_of(struct answer *answer, const char *name)
{
    json_t *json = answer_json(answer);
    const char *value = json_string_value(json_object_get(json, name));
    assert_non_null(value);
    char *copy = strdup(value);
    json_decref(json);
    answer_free(answer);
    return copy;
}

void person_make(struct person *person, int port)
{
    struct answer answer;
    char body[256];
    call_expect(&answer, &(struct call){.port = port, .path = "/user/register", .body = "{\"password\":\"secret\"}"},
                200);
    char *id = field_of(&answer, "user_id");
    snprintf(person->id, sizeof person->id, "%s", id);
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"password\":\"secret\"}", id);
    call_expect(&answer, &(struct call){.port = port, .path = "/login", .body = body}, 200);
    person->token = field_of(&answer, "token");
    free(id);
}

const char *dialog_path(const struct person *peer, const char *what)
{
    static __thread char path[128];
    snprintf(path, sizeof path, "/dialog/%s/%s", peer->id, what);
    return path;
}

long long person_send(int port, const struct person *from, const struct person *to, const char *text)
{
    struct answer answer;
    json_t *json = json_pack("{s:s}", "text", text);
    char *body = json_dumps(json, JSON_COMPACT);
    call_expect(&answer,
                &(struct call){.port = port, .path = dialog_path(to, "send"), .token = from->token, .body = body}, 200);
    char *id = answer_header(&answer, "Message-Id");
    assert_non_null(id);
    long long number = strtoll(id, NULL, 10);
    free(id);
    free(body);
    json_decref(json);
    answer_free(&answer);
    return number;
}

json_t *person_list(int port, const struct person *reader, const struct person *peer)
{
    struct answer answer;
    call_expect(&answer, &(struct call){.port = port, .path = dialog_path(peer, "list"), .token = reader->token}, 200);
    json_t *json = answer_json(&answer);
    assert_true(json_is_array(json));
    answer_free(&answer);
    return json;
}

char *metrics_text(int port)
{
    struct answer answer;
    call_expect(&answer,
                &(struct call){.port = port,
                               .path = "/metrics",
                               .headers = {"Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}},
                200);
    char *type = answer_header(&answer, "Content-Type");
    assert_string_equal(type, "text/plain; version=0.0.4; charset=utf-8");
    free(type);
    char *text = strdup(answer.body);
    answer_free(&answer);
    return text;
}

double metric_value(int port, const char *sample)
{
    char *text = metrics_text(port);
    double value = -1;
    size_t length = strlen(sample);
    for (char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, sample, length) == 0 && line[length] == ' ') {
            value = strtod(line + length, NULL);
            break;
        }
    }
    free(text);
    return value;
}

int world_setup(void **state)
{
    (void)state;
    world.server = test_server_start(NULL);
    if (!world.server)
        return -1;
    process_start(&world.process, test_server_conninfo(world.server), NULL);
    snprintf(world.keys, sizeof world.keys, "token_key_file=%s/keys", world.process.directory);
    process_wait_ready(&world.process);
    person_make(&world.anna, world.process.port);
    person_make(&world.boris, world.process.port);
    person_make(&world.clara, world.process.port);
    return 0;
}

int world_teardown(void **state)
{
    (void)state;
    process_stop(&world.process);
    free(world.anna.token);
    free(world.boris.token);
    free(world.clara.token);
    test_server_free(world.server);
    return 0;
}
