#include "ops/static_files.h"

#include "content/text_buffer.h"
#include "ops/service_log.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INDEX "index.html"

static const char *media_type_of(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".png", "image/png"},
        {".json", "application/json"},
        {".yaml", "application/yaml; charset=utf-8"},
        {".svg", "image/svg+xml; charset=utf-8"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return NULL;
}

/* FNV-1a, 64 bits: a name for this content, no proof of it. */
static void name_content(struct static_file *file)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < file->length; i++)
        hash = (hash ^ (unsigned char)file->data[i]) * 0x100000001b3u;
    snprintf(file->etag, sizeof file->etag, "\"%016llx\"", (unsigned long long)hash);
}

static bool read_content(FILE *file, struct text_buffer *text)
{
    enum { PIECE = 65536 };
    for (;;) {
        char *to = buffer_grow(text, PIECE);
        size_t length = to ? fread(to, 1, PIECE, file) : 0;
        text->length += length;
        if (!length)
            return !text->failed && !ferror(file);
    }
}

static bool add_content(struct static_file *file, const char *path, const char *name)
{
    struct text_buffer content = {0};
    FILE *stream = fopen(path, "re");
    bool good = stream && read_content(stream, &content);
    if (stream)
        fclose(stream);
    *file = (struct static_file){strdup(name), content.data, content.length, media_type_of(name), ""};
    name_content(file);
    return good && file->name;
}

static bool add_file(struct static_files *files, const char *directory, const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= PATH_MAX)
        return say("the path %s is too long", directory);
    struct static_file *list = realloc(files->list, (files->count + 1) * sizeof *list);
    if (!list)
        return say("out of memory");
    files->list = list;
    return add_content(&list[files->count++], path, name) || say("cannot read %s: %s", path, strerror(errno));
}

static bool add_directory(struct static_files *files, const char *directory)
{
    DIR *entries = opendir(directory);
    if (!entries)
        return say("cannot read the API page's directory %s: %s", directory, strerror(errno));
    bool good = true;
    for (struct dirent *entry; good && (entry = readdir(entries));)
        if (media_type_of(entry->d_name))
            good = add_file(files, directory, entry->d_name);
    closedir(entries);
    return good;
}

static bool has_index(const char *directory)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/" INDEX, directory) < PATH_MAX && access(path, R_OK) == 0;
}

/* The first place that has the page, or NULL. */
static const char *look_for(char *found, size_t size)
{
    static const char *const beside[] = {"swagger", "../share/dialogsd/swagger"};
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    for (size_t i = 0; slash && i < sizeof beside / sizeof *beside; i++) {
        *slash = '\0';
        if (snprintf(found, size, "%s/%s", program, beside[i]) < (int)size && has_index(found))
            return found;
    }
    return has_index(DIALOGSD_PAGES) ? DIALOGSD_PAGES : NULL;
}

bool static_files_open(struct static_files *files, const char *directory)
{
    char found[PATH_MAX];
    *files = (struct static_files){0};
    if (!directory && !(directory = look_for(found, sizeof found))) {
        say("the API page is not installed and /swagger/ will be empty; give its directory with --pages DIR");
        return true;
    }
    return add_directory(files, directory);
}

void static_files_close(struct static_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->list[i].name);
        free(files->list[i].data);
    }
    free(files->list);
}

const struct static_file *static_files_find(const struct static_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->list[i].name, name) == 0)
            return &files->list[i];
    return NULL;
}
