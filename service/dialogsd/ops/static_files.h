/* static_files.h - the files of the API page and the OpenAPI document, read once, when the service starts. */
#ifndef DIALOGSD_STATIC_FILES_H
#define DIALOGSD_STATIC_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct static_file {
    char *name;
    char *data;
    size_t length;
    const char *type;
    char etag[19]; /* with its quotes */
};

struct static_files {
    struct static_file *list;
    size_t count;
};

/*
 * Reads the files of `directory`, or, when that is NULL, of the first that exists: "swagger" beside
 * the program (a build tree), share/dialogsd/swagger beside its bin directory, the one it was
 * configured with. Says what is missing; only a directory that was asked for has to be there.
 */
bool static_files_open(struct static_files *files, const char *directory);
void static_files_close(struct static_files *files);

/* The file of that name, or NULL. */
const struct static_file *static_files_find(const struct static_files *files, const char *name);

#endif
