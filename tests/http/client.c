#include "client.h"

#include "check.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static __thread CURL *curl;

/* The smallest power of two that holds `length` bytes and a NUL. */
static size_t room_for(size_t length)
{
    size_t room = 1;
    while (room <= length)
        room *= 2;
    return room;
}

static size_t add(char **text, size_t *length, const char *data, size_t more)
{
    size_t room = room_for(*length + more);
    char *grown = *text && room == room_for(*length) ? *text : realloc(*text, room);
    if (!grown)
        return 0;
    memcpy(grown + *length, data, more);
    *text = grown;
    *length += more;
    grown[*length] = '\0';
    return more;
}

static size_t add_body(char *data, size_t size, size_t count, void *payload)
{
    struct answer *answer = payload;
    return add(&answer->body, &answer->length, data, size * count);
}

static size_t add_header(char *data, size_t size, size_t count, void *payload)
{
    struct answer *answer = payload;
    size_t length = answer->headers ? strlen(answer->headers) : 0;
    return add(&answer->headers, &length, data, size * count);
}

static struct curl_slist *headers_of(const struct call *call)
{
    char line[8192];
    struct curl_slist *list = NULL;
    bool typed = false;
    for (size_t i = 0; i < HEADERS_MOST && call->headers[i]; i++) {
        list = curl_slist_append(list, call->headers[i]);
        typed = typed || strncasecmp(call->headers[i], "Content-Type", 12) == 0;
    }
    if (call->body && !typed)
        list = curl_slist_append(list, "Content-Type: application/json");
    if (call->token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", call->token);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void prepare(const struct call *call, struct answer *answer, struct curl_slist *headers)
{
    char url[8192];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", call->port, call->path);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, call->timeout_ms ? call->timeout_ms : 20000L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, add_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, add_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
    if (call->body) {
        size_t length = call->length ? call->length : strlen(call->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    }
    if (call->method && strcmp(call->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (call->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
}

bool call_try(struct answer *answer, const struct call *call)
{
    *answer = (struct answer){0};
    if (!curl)
        curl = curl_easy_init();
    assert_non_null(curl);
    struct curl_slist *headers = headers_of(call);
    prepare(call, answer, headers);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_slist_free_all(headers);
    if (!answer->body)
        answer->body = calloc(1, 1);
    return code == CURLE_OK;
}

void call_end(void)
{
    curl_easy_cleanup(curl);
    curl = NULL;
}

void call_expect(struct answer *answer, const struct call *call, long status)
{
    bool whole = call_try(answer, call);
    if (!whole || answer->status != status)
        fail_msg("%s %s: %s %ld instead of %ld: %s", call->method ? call->method : "", call->path,
                 whole ? "status" : "no whole answer, status", answer->status, status, answer->body);
}

void answer_free(struct answer *answer)
{
    free(answer->headers);
    free(answer->body);
    *answer = (struct answer){0};
}

char *answer_header(const struct answer *answer, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = answer->headers; line && *line; line = strchr(line, '\n') + 1) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1 + strspn(line + length + 1, " ");
            return strndup(value, strcspn(value, "\r\n"));
        }
        if (!strchr(line, '\n'))
            break;
    }
    return NULL;
}

json_t *answer_json(const struct answer *answer)
{
    json_error_t error;
    char *type = answer_header(answer, "Content-Type");
    assert_non_null(type);
    assert_string_equal(type, "application/json");
    free(type);
    json_t *json = json_loadb(answer->body, answer->length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("the answer is not JSON: %s: %s", error.text, answer->body);
    return json;
}

char *expect_error(const struct call *call, long status, int code)
{
    struct answer answer;
    call_expect(&answer, call, status);
    json_t *json = answer_json(&answer);
    const char *message = json_string_value(json_object_get(json, "message"));
    const char *id = json_string_value(json_object_get(json, "request_id"));
    char *header = answer_header(&answer, "X-Request-Id");
    char *retry = answer_header(&answer, "Retry-After");
    assert_non_null(message);
    assert_non_null(id);
    assert_non_null(header);
    assert_string_equal(id, header);
    assert_int_equal(json_integer_value(json_object_get(json, "code")), code);
    assert_int_equal(retry != NULL, status == 429 || (status >= 500 && status != 501));
    assert_int_equal(json_object_get(json, "fate") != NULL, status >= 500 && call->body != NULL);
    char *copy = strdup(message);
    free(header);
    free(retry);
    json_decref(json);
    answer_free(&answer);
    return copy;
}
