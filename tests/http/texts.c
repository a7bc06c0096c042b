/* Real texts, in many languages and in none, come back byte for byte. */
#include "check.h"
#include "world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_FILE = 12 };

static const char *const directories[] = {"/usr/share/games/fortunes", "/usr/share/games/fortunes/de",
                                          "/usr/share/games/fortunes/es", "/usr/share/games/fortunes/it",
                                          "/usr/share/games/fortunes/ru"};

/* A file of fortunes: texts between lines of a lone '%'. */
static void add_file(json_t *texts, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    ssize_t length = getdelim(&text, &size, EOF, file);
    fclose(file);
    size_t taken = 0;
    for (char *at = text; length > 0 && at && *at && taken < PER_FILE; taken++) {
        char *end = strstr(at, "\n%\n");
        json_t *one = json_stringn(at, end ? (size_t)(end - at) : strlen(at)); /* NULL when it is no UTF-8 */
        if (one && json_string_length(one) > 0)
            json_array_append(texts, one);
        json_decref(one);
        at = end ? end + 3 : NULL;
    }
    free(text);
}

static json_t *fortunes(void)
{
    json_t *texts = json_array();
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        DIR *directory = opendir(directories[i]);
        if (!directory) {
            fail_msg("there is no %s: install fortunes, fortunes-de, -es, -it, -ru", directories[i]);
            continue;
        }
        for (struct dirent *entry; (entry = readdir(directory));) {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", directories[i], entry->d_name);
            if (!strchr(entry->d_name, '.'))
                add_file(texts, path);
        }
        closedir(directory);
    }
    return texts;
}

/* Everything that was sent, as it was sent, and nothing else. */
static void there_and_back(const struct person *from, const struct person *to, const json_t *texts)
{
    int port = world.process.port;
    size_t sent = 0;
    for (size_t i = 0; i < json_array_size(texts); i++)
        if (json_string_length(json_array_get(texts, i)) > 0) {
            person_send(port, from, to, json_string_value(json_array_get(texts, i)));
            sent++;
        }
    json_t *list = person_list(port, to, from);
    assert_int_equal(json_array_size(list), sent);
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(texts); i++)
        if (json_string_length(json_array_get(texts, i)) > 0)
            assert_true(json_equal(json_object_get(json_array_get(list, at++), "text"), json_array_get(texts, i)));
    json_decref(list);
    print_message("%zu texts\n", sent);
}

static void fortunes_in_five_languages(void **state)
{
    (void)state;
    json_t *texts = fortunes();
    size_t foreign = 0;
    for (size_t i = 0; i < json_array_size(texts); i++)
        for (const char *c = json_string_value(json_array_get(texts, i)); *c; c++)
            foreign += (unsigned char)*c > 0x7f;
    assert_true(json_array_size(texts) > 500);
    assert_true(foreign > 10000);
    there_and_back(&world.anna, &world.boris, texts);
    json_decref(texts);
}

/* The big list of naughty strings. */
static void naughty_strings(void **state)
{
    (void)state;
    json_error_t error;
    json_t *texts = json_load_file(NAUGHTY_STRINGS, 0, &error);
    if (!texts)
        fail_msg("%s: %s", NAUGHTY_STRINGS, error.text);
    assert_true(json_array_size(texts) > 400);
    there_and_back(&world.boris, &world.clara, texts);
    json_decref(texts);
}

/* Each of the 127 characters that have one byte, but for NUL, and the ends of what UTF-8 can say. */
static void every_character_that_json_minds(void **state)
{
    (void)state;
    json_t *texts = json_array();
    char all[128] = "";
    for (int c = 1; c < 128; c++)
        all[c - 1] = (char)c;
    static const char *const edges[] = {"\x7f",
                                        "\xc2\x80",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xe2\x80\xa8\xe2\x80\xa9",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        "\xef\xbb\xbf",
                                        " ",
                                        "\"",
                                        "\\",
                                        "\\u0000",
                                        "</script>"};
    json_array_append_new(texts, json_string(all));
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        json_array_append_new(texts, json_string(edges[i]));
    there_and_back(&world.clara, &world.anna, texts);
    json_decref(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fortunes_in_five_languages),
        cmocka_unit_test(naughty_strings),
        cmocka_unit_test(every_character_that_json_minds),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
