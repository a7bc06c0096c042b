#include "corpus.h"

#include "check.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const directories[] = {"/usr/share/games/fortunes", "/usr/share/games/fortunes/de",
                                          "/usr/share/games/fortunes/es", "/usr/share/games/fortunes/it",
                                          "/usr/share/games/fortunes/ru"};

/* Takes those that are UTF-8 and not empty; returns whether it was one. */
static size_t add(struct corpus *corpus, const char *text, size_t length)
{
    json_t *valid = json_stringn(text, length); /* NULL when it is no UTF-8 */
    if (!valid || length == 0 || memchr(text, '\0', length)) {
        json_decref(valid);
        return 0;
    }
    if (corpus->count == corpus->room) {
        corpus->room = corpus->room ? corpus->room * 2 : 1024;
        corpus->texts = realloc(corpus->texts, corpus->room * sizeof *corpus->texts);
        assert_non_null(corpus->texts);
    }
    corpus->texts[corpus->count++] = strndup(text, length);
    json_decref(valid);
    return 1;
}

/* Texts between lines of a lone '%'. */
static void add_file(struct corpus *corpus, const char *path, size_t most)
{
    char *text = NULL;
    size_t room = 0, taken = 0;
    FILE *file = fopen(path, "re");
    ssize_t length = file ? getdelim(&text, &room, EOF, file) : -1;
    if (file)
        fclose(file);
    for (char *at = length > 0 ? text : NULL; at && taken < most;) {
        char *end = strstr(at, "\n%\n");
        taken += add(corpus, at, end ? (size_t)(end - at) : strlen(at));
        at = end ? end + 3 : NULL;
    }
    free(text);
}

void corpus_add_fortunes(struct corpus *corpus, size_t per_file)
{
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        DIR *directory = opendir(directories[i]);
        if (!directory) {
            fail_msg("there is no %s: install fortunes, fortunes-de, -es, -it, -ru", directories[i]);
            return;
        }
        for (struct dirent *entry; (entry = readdir(directory));) {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", directories[i], entry->d_name);
            if (!strstr(entry->d_name, ".dat") && !strstr(entry->d_name, ".u8")) /* indexes; links to the same */
                add_file(corpus, path, per_file);
        }
        closedir(directory);
    }
}

void corpus_add_naughty(struct corpus *corpus)
{
    json_error_t error;
    json_t *texts = json_load_file(NAUGHTY_STRINGS, 0, &error);
    if (!texts)
        fail_msg("%s: %s", NAUGHTY_STRINGS, error.text);
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        assert_non_null(text);
        add(corpus, text, json_string_length(json_array_get(texts, i)));
    }
    json_decref(texts);
}

void corpus_free(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->count; i++)
        free(corpus->texts[i]);
    free(corpus->texts);
    *corpus = (struct corpus){0};
}
