/* Pages of a dialog: both directions, links, cursors, and cursors that are none. */
#include "check.h"
#include "world.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 53 };

static int port(void)
{
    return world.process.port;
}

static int setup(void **state)
{
    int result = world_setup(state);
    for (int i = 0; result == 0 && i < MESSAGES; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        person_send(port(), i % 3 ? &world.anna : &world.boris, i % 3 ? &world.boris : &world.anna, text);
    }
    return result;
}

/* One page. Its first and last text as numbers; -1 both when it is empty. */
static void page(const char *path, struct answer *answer, int *first, int *last, size_t *count)
{
    call_expect(answer, &(struct call){.port = port(), .path = path, .token = world.anna.token}, 200);
    json_t *list = answer_json(answer);
    *count = json_array_size(list);
    *first = *last = -1;
    for (size_t i = 0; i < *count; i++) {
        int number = atoi(json_string_value(json_object_get(json_array_get(list, i), "text")));
        if (i == 0)
            *first = number;
        else
            assert_int_equal(number, *last + 1);
        *last = number;
    }
    json_decref(list);
}

/* Where a reference of an answer to `path` leads, when a proxy serves it below /api (RFC 3986, 5.2); to be freed. */
static char *resolved(const char *path, const char *reference)
{
    char base[4096], *target = NULL;
    CURLU *url = curl_url();
    snprintf(base, sizeof base, "http://x/api%s", path);
    assert_int_equal(curl_url_set(url, CURLUPART_URL, base, 0), CURLUE_OK);
    assert_int_equal(curl_url_set(url, CURLUPART_URL, reference, 0), CURLUE_OK);
    assert_int_equal(curl_url_get(url, CURLUPART_URL, &target, 0), CURLUE_OK);
    if (strncmp(target, "http://x/api/", 13) != 0)
        fail_msg("%s leads to %s", reference, target);
    char *copy = strdup(target + strlen("http://x/api"));
    curl_free(target);
    curl_url_cleanup(url);
    return copy;
}

/* The target of a Link with this relation of the answer to `path`, to be freed, or NULL. */
static char *link_of(const char *path, const struct answer *answer, const char *relation)
{
    char part[32], *target = NULL;
    char *links = answer_header(answer, "Link");
    snprintf(part, sizeof part, ">; rel=\"%s\"", relation);
    char *end = links ? strstr(links, part) : NULL;
    if (end) {
        *end = '\0';
        target = resolved(path, strrchr(links, '<') + 1);
    }
    free(links);
    return target;
}

static void expect_more(const struct answer *answer, bool more)
{
    char *header = answer_header(answer, "Has-More");
    assert_string_equal(header, more ? "true" : "false");
    free(header);
}

static void walks_back_from_the_newest(void **state)
{
    (void)state;
    struct answer answer;
    int first, last, expected = MESSAGES - 1;
    size_t count;
    char *path = strdup(dialog_path(&world.boris, "list?limit=10"));
    while (path) {
        page(path, &answer, &first, &last, &count);
        assert_int_equal(last, expected);
        assert_int_equal(count, expected + 1 < 10 ? expected + 1 : 10);
        expected = first - 1;
        expect_more(&answer, first > 0);
        char *further = link_of(path, &answer, "prev");
        free(path);
        path = further;
        answer_free(&answer);
    }
    assert_int_equal(expected, -1);
}

static void walks_forth_from_the_oldest(void **state)
{
    (void)state;
    struct answer answer;
    int first, last, expected = 0;
    size_t count;
    char *path = strdup(dialog_path(&world.boris, "list/?after=&limit=20"));
    while (path) {
        page(path, &answer, &first, &last, &count);
        assert_int_equal(first, expected);
        expected = last + 1;
        expect_more(&answer, expected < MESSAGES);
        char *further = link_of(path, &answer, "next");
        free(path);
        path = further;
        answer_free(&answer);
    }
    assert_int_equal(expected, MESSAGES);
}

/* There is no older page than the oldest, no newer than the newest, and both in the middle. */
static void links_where_there_is_something(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        bool prev, next;
    } cases[] = {{"list?limit=5", true, false},
                 {"list?before=&limit=5", true, false},
                 {"list?after=&limit=5", false, true},
                 {"list?limit=1000", false, false}};
    struct answer answer;
    int first, last;
    size_t count;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = dialog_path(&world.boris, cases[i].query);
        page(path, &answer, &first, &last, &count);
        char *prev = link_of(path, &answer, "prev"), *next = link_of(path, &answer, "next");
        assert_int_equal(prev != NULL, cases[i].prev);
        assert_int_equal(next != NULL, cases[i].next);
        answer_free(&answer);
        if (prev && i == 0) {
            page(prev, &answer, &first, &last, &count);
            assert_int_equal(last, MESSAGES - 6);
            char *back = link_of(prev, &answer, "next");
            answer_free(&answer);
            page(back, &answer, &first, &last, &count);
            assert_int_equal(first, MESSAGES - 5);
            answer_free(&answer);
            free(back);
        }
        free(prev);
        free(next);
    }
}

static void a_limit_of_its_own_is_fifty(void **state)
{
    (void)state;
    struct answer answer;
    int first, last;
    size_t count;
    page(dialog_path(&world.boris, "list?after="), &answer, &first, &last, &count);
    assert_int_equal(count, 50);
    answer_free(&answer);
    page(dialog_path(&world.boris, "list?before="), &answer, &first, &last, &count);
    assert_int_equal(count, 50);
    assert_int_equal(last, MESSAGES - 1);
    answer_free(&answer);
}

static void the_whole_dialog_has_no_page_headers(void **state)
{
    (void)state;
    struct answer answer;
    int first, last;
    size_t count;
    page(dialog_path(&world.boris, "list"), &answer, &first, &last, &count);
    assert_int_equal(count, MESSAGES);
    assert_null(answer_header(&answer, "Link"));
    assert_null(answer_header(&answer, "Cursor-After"));
    answer_free(&answer);
    page(dialog_path(&world.boris, "list?_=1"), &answer, &first, &last, &count);
    assert_int_equal(count, MESSAGES);
    answer_free(&answer);
}

/* The newest end's cursor follows a dialog: each new message once. */
static void follows_a_dialog(void **state)
{
    (void)state;
    struct answer answer;
    int first, last;
    size_t count;
    char path[1024];
    page(dialog_path(&world.clara, "list?limit=5"), &answer, &first, &last, &count);
    for (int i = 0; i < 5; i++) {
        char text[16], *cursor = answer_header(&answer, "Cursor-After");
        assert_non_null(cursor);
        answer_free(&answer);
        snprintf(text, sizeof text, "%d", i);
        person_send(port(), &world.clara, &world.anna, text);
        snprintf(path, sizeof path, "%s?after=%s", dialog_path(&world.clara, "list"), cursor);
        page(path, &answer, &first, &last, &count);
        assert_int_equal(count, 1);
        assert_int_equal(first, i);
        free(cursor);
    }
    answer_free(&answer);
}

static void refused(const char *path, int code)
{
    free(expect_error(&(struct call){.port = port(), .path = path, .token = world.anna.token}, 400, code));
}

static void cursors_that_are_none(void **state)
{
    (void)state;
    struct answer answer;
    int first, last;
    size_t count;
    char path[2048];
    page(dialog_path(&world.boris, "list?limit=5"), &answer, &first, &last, &count);
    char *cursor = answer_header(&answer, "Cursor-Before");
    answer_free(&answer);
    static const char *const directions[] = {"before", "after"};
    for (size_t i = 0; i < 2; i++) {
        for (size_t at = 0; at < strlen(cursor); at += 3) { /* forged */
            char was = cursor[at];
            cursor[at] = was == 'A' ? 'B' : 'A';
            snprintf(path, sizeof path, "%s?%s=%s", dialog_path(&world.boris, "list"), directions[i], cursor);
            refused(path, -DLG_E_CURSOR);
            cursor[at] = was;
        }
        snprintf(path, sizeof path, "%s?%s=%s", dialog_path(&world.clara, "list"), directions[i], cursor);
        refused(path, -DLG_E_CURSOR); /* of another dialog */
        snprintf(path, sizeof path, "%s?%s=%s%s", dialog_path(&world.boris, "list"), directions[i], cursor, cursor);
        refused(path, -DLG_E_CURSOR);
        snprintf(path, sizeof path, "%s?%s=%%C3%%A9", dialog_path(&world.boris, "list"), directions[i]);
        refused(path, -DLG_E_CURSOR);
        snprintf(path, sizeof path, "%s?%s=%s%%00", dialog_path(&world.boris, "list"), directions[i], cursor);
        refused(path, -DLG_E_ARGUMENT);
    }
    snprintf(path, sizeof path, "%s?before=%s&after=%s", dialog_path(&world.boris, "list"), cursor, cursor);
    refused(path, -DLG_E_ARGUMENT);
    refused(dialog_path(&world.boris, "list?before=&after="), -DLG_E_ARGUMENT);
    refused(dialog_path(&world.boris, "list?limit=5&limit=6"), -DLG_E_ARGUMENT);
    free(cursor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_back_from_the_newest),
        cmocka_unit_test(walks_forth_from_the_oldest),
        cmocka_unit_test(links_where_there_is_something),
        cmocka_unit_test(a_limit_of_its_own_is_fifty),
        cmocka_unit_test(the_whole_dialog_has_no_page_headers),
        cmocka_unit_test(follows_a_dialog),
        cmocka_unit_test(cursors_that_are_none),
    };
    return cmocka_run_group_tests(tests, setup, world_teardown);
}
