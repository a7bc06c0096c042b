/* input.h - what a request brings, in its body and in its query, read and checked. */
#ifndef DIALOGSD_INPUT_H
#define DIALOGSD_INPUT_H

#include "http/request_ctx.h"

#include <jansson.h>

enum { DATE_SIZE = 11 };

/* The functions below answer 400, event what is wrong, when they return NULL or false. */

/* The body, a JSON object, or what stands for one in msgpack; for ctx->input. */
json_t *body_read(struct request_ctx *ctx);

/* A text of the body, borrowed from it. An optional one that is absent or null is NULL. */
bool body_text(struct request_ctx *ctx, const json_t *body, const char *name, bool required, const char **text,
               size_t *length);

/* The same without NUL inside, as every text but a password and a message has to be. */
bool body_word(struct request_ctx *ctx, const json_t *body, const char *name, const char **text);

/*
 * A date of the body, YYYY-MM-DD. Clients whose type is a moment send a time behind it: it has to be one, and is left
 * out. `room` may receive the date.
 */
bool body_date(struct request_ctx *ctx, const json_t *body, const char *name, char room[DATE_SIZE], const char **date);

/* A parameter of the query; `name` is filled in before. */
struct parameter {
    const char *name;
    const char *value; /* NULL: absent */
};

/*
 * Fills in the values. A parameter that is given twice, has NUL inside, or is none of these is refused: a call that
 * ignored "offset" would give another page than was asked for.
 */
bool query_read(struct request_ctx *ctx, struct parameter *parameters, size_t count);

/* A whole number from 1 to DLG_PAGE_LIMIT; `limit` stays when the parameter is absent. */
bool query_limit(struct request_ctx *ctx, const struct parameter *parameter, int32_t *limit);

#endif
