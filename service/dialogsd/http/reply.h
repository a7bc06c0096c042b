/* reply.h - answers: what every one carries, and how failures look. */
#ifndef DIALOGSD_REPLY_H
#define DIALOGSD_REPLY_H

#include "content/body_writer.h"
#include "http/request_ctx.h"
#include "http/response.h"

#define JSON_TYPE "application/json"
#define MSGPACK_TYPE "application/vnd.msgpack"
#define EVENTS_TYPE "text/event-stream"

/*
 * Answers with `response`, which is given away, and may be NULL: then the connection is closed.
 * `type` NULL: the answer has no body.
 */
void reply_send(struct request_ctx *ctx, unsigned status, struct MHD_Response *response, const char *type);

/* The body of an answer, empty, in the form that the client asked for. */
struct body_writer reply_writer(const struct request_ctx *ctx);

/* Answers with what was written, which is given away, or without a body. */
void reply_written(struct request_ctx *ctx, unsigned status, struct body_writer *writer);
void reply_empty(struct request_ctx *ctx, unsigned status);

/* 204 with the methods of the path: the answer to OPTIONS. */
void reply_options(struct request_ctx *ctx);

/*
 * Answers {message, request_id, code}. `code` is a DLG_E_* value, or an HTTP status for what the
 * library knows nothing of.
 */
void reply_error(struct request_ctx *ctx, unsigned status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* 503: the memory for the answer, or for the body, is taken. */
void reply_no_memory(struct request_ctx *ctx);

/* 400 with a message that says what is wrong. */
#define reply_bad(ctx, ...) reply_error(ctx, 400, DLG_E_ARGUMENT, __VA_ARGS__)

/* Answers what the library's error means. */
void reply_failure(struct request_ctx *ctx, const dlg_error *error);

#endif
