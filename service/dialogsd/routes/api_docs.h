/* api_docs.h - the pages below /swagger: the API page and the OpenAPI document. */
#ifndef DIALOGSD_API_DOCS_H
#define DIALOGSD_API_DOCS_H

#include <stdbool.h>

struct request_ctx;

/* Answers when the path is that of a page, and returns true; otherwise does nothing. */
bool api_docs_answer(struct request_ctx *ctx, const char *path);

#endif
