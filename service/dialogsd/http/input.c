#include "http/input.h"

#include "content/json_numbers.h"
#include "content/media_types.h"
#include "content/unpack.h"
#include "content/value_count.h"
#include "http/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *packed_body_read(struct request_ctx *ctx)
{
    const char *trouble = "the body is msgpack, but not a map";
    json_t *body = unpack_body(ctx->body.data, ctx->body.length, &trouble);
    if (json_is_object(body))
        return body;
    reply_bad(ctx, "%s", trouble);
    json_decref(body);
    return NULL;
}

json_t *body_read(struct request_ctx *ctx)
{
    const char *type = ctx_header(ctx, MHD_HTTP_HEADER_CONTENT_TYPE, NULL);
    const char *text = ctx->body.data ? ctx->body.data : "";
    bool packed = type && content_is_msgpack(type) && ctx->body.length;
    if (!(packed ? msgpack_is_small : json_is_small)(text, ctx->body.length)) {
        reply_bad(ctx, "the body has more than %d values; the calls take a few", VALUES_MOST);
        return NULL;
    }
    if (packed)
        return packed_body_read(ctx);

    json_error_t error;
    json_numbers_blank(ctx->body.data, ctx->body.length);
    json_t *body = json_loadb(text, ctx->body.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!body && ctx->body.length == 0)
        reply_bad(ctx, "the body is empty; send a JSON object");
    else if (!body)
        reply_bad(ctx, "the body is not JSON: %s (line %d, column %d)", error.text, error.line, error.column);
    else if (!json_is_object(body))
        reply_bad(ctx, "the body is JSON, but not an object");
    else
        return body;
    json_decref(body);
    return NULL;
}

bool body_text(struct request_ctx *ctx, const json_t *body, const char *name, bool required, const char **text,
               size_t *length)
{
    const json_t *value = json_object_get(body, name);
    bool absent = !value || json_is_null(value);
    *text = json_string_value(value);
    *length = json_string_length(value);
    if (absent && required)
        reply_bad(ctx, "the body has no \"%s\"", name);
    else if (!absent && !*text)
        reply_bad(ctx, "\"%s\" is not a string", name);
    else
        return true;
    return false;
}

bool body_word(struct request_ctx *ctx, const json_t *body, const char *name, const char **text)
{
    size_t length;
    if (!body_text(ctx, body, name, false, text, &length))
        return false;
    if (!*text || strlen(*text) == length)
        return true;
    reply_bad(ctx, "\"%s\" contains NUL", name);
    return false;
}

/* Moves the text on when it begins as the shape says: "0" is a digit, anything else itself. */
static bool skip_shape(const char **text, const char *shape)
{
    const char *at = *text;
    for (; *shape; shape++, at++)
        if (*shape == '0' ? *at < '0' || *at > '9' : *at != *shape)
            return false;
    *text = at;
    return true;
}

/* ISO 8601: "T10:00", "T10:00:00", "T10:00:00.000", and then nothing, "Z" or "+03:00"; RFC 3339 allows " " for "T". */
static bool is_time(const char *text)
{
    static const char *const zones[] = {"", "Z", "+00:00", "-00:00", "+0000", "-0000"};
    if (!skip_shape(&text, "T00:00") && !skip_shape(&text, " 00:00"))
        return false;
    if (skip_shape(&text, ":00") && skip_shape(&text, ".0"))
        text += strspn(text, "0123456789");
    bool good = false;
    for (size_t i = 0; !good && i < sizeof zones / sizeof *zones; i++) {
        const char *rest = text;
        good = skip_shape(&rest, zones[i]) && !*rest;
    }
    return good;
}

bool body_date(struct request_ctx *ctx, const json_t *body, const char *name, char room[DATE_SIZE], const char **date)
{
    const char *rest;
    if (!body_word(ctx, body, name, date))
        return false;
    rest = *date;
    if (!rest || !skip_shape(&rest, "0000-00-00") || !is_time(rest))
        return true; /* the library says what is wrong with it, if anything is */
    memcpy(room, *date, DATE_SIZE - 1);
    room[DATE_SIZE - 1] = '\0';
    *date = room;
    return true;
}

struct query_parameters {
    struct parameter *parameters;
    size_t count;
    const char *trouble; /* the name of a parameter that is not acceptable */
    const char *unknown; /* the name of one that the call does not take */
    size_t unknown_length;
};

/* Browsers' libraries add "_=NUMBER" to keep caches from answering. */
static bool is_meaningless(const char *name, size_t length)
{
    return length == 1 && *name == '_';
}

static enum MHD_Result take_parameter(void *payload, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                      const char *value, size_t length)
{
    (void)kind;
    struct query_parameters *query = payload;
    for (size_t i = 0; i < query->count; i++) {
        struct parameter *parameter = &query->parameters[i];
        if (strlen(parameter->name) != name_length || memcmp(parameter->name, name, name_length) != 0)
            continue;
        if (parameter->value || (value && memchr(value, '\0', length)))
            query->trouble = parameter->name;
        parameter->value = value ? value : "";
        return MHD_YES;
    }
    if (!is_meaningless(name, name_length)) {
        query->unknown = name;
        query->unknown_length = name_length;
    }
    return MHD_YES;
}

static void refuse_unknown(struct request_ctx *ctx, const struct query_parameters *query)
{
    char known[128] = "none";
    for (size_t i = 0, at = 0; i < query->count && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "", query->parameters[i].name);
    int length = query->unknown_length < 64 ? (int)query->unknown_length : 64;
    reply_bad(ctx, "unknown parameter \"%.*s\"; parameters of this call: %s", length, query->unknown, known);
}

bool query_read(struct request_ctx *ctx, struct parameter *parameters, size_t count)
{
    struct query_parameters query = {.parameters = parameters, .count = count};
    MHD_get_connection_values_n(ctx->connection, MHD_GET_ARGUMENT_KIND, take_parameter, &query);
    if (query.trouble)
        reply_bad(ctx, "give the parameter \"%s\" once, and without NUL", query.trouble);
    else if (query.unknown)
        refuse_unknown(ctx, &query);
    return !query.trouble && !query.unknown;
}

bool query_limit(struct request_ctx *ctx, const struct parameter *parameter, int32_t *limit)
{
    if (!parameter->value)
        return true;
    size_t digits = strspn(parameter->value, "0123456789");
    long number = digits <= 6 ? strtol(parameter->value, NULL, 10) : 0;
    if (!digits || parameter->value[digits] || number < 1 || number > DLG_PAGE_LIMIT) {
        reply_bad(ctx, "\"%s\" takes a whole number from 1 to %d", parameter->name, DLG_PAGE_LIMIT);
        return false;
    }
    *limit = (int32_t)number;
    return true;
}
