/* api_docs.h - the API page and the OpenAPI document: files read once, when the service starts. */
#ifndef DIALOGSD_API_DOCS_H
#define DIALOGSD_API_DOCS_H

#include <stdbool.h>
#include <stddef.h>

struct request_ctx;

struct page {
    char *name;
    char *data;
    size_t length;
    const char *type;
    char etag[19]; /* with its quotes */
};

struct pages {
    struct page *list;
    size_t count;
};

/*
 * Reads the files of `directory`, or, when that is NULL, of the first that exists: "swagger" beside
 * the program (a build tree), share/dialogsd/swagger beside its bin directory, the one it was
 * configured with. Says what is missing; only a directory that was asked for has to be there.
 */
bool pages_open(struct pages *pages, const char *directory);
void pages_close(struct pages *pages);

/* Answers when the path is that of a page, and returns true; otherwise does nothing. */
bool pages_answer(struct request_ctx *ctx, const char *path);

#endif
