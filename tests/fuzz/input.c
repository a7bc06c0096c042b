/*
 * Query strings and bodies, of anybody. The first byte says which of them the rest is. libmicrohttpd's part, cutting a
 * query into pairs, is done here as it does it.
 */
#include "fuzz.h"

#include "http/input.h"
#include "http/reply.h"

#include <stdarg.h>
#include <string.h>

static struct request_ctx ctx;
static const char *query, *type; /* of the request */
static size_t query_length;
static int refused;

void reply_error(struct request_ctx *of, unsigned status, int code, const char *format, ...)
{
    char message[512];
    va_list arguments;
    FUZZ_CHECK(of == &ctx && status == 400 && code == DLG_E_ARGUMENT);
    va_start(arguments, format);
    FUZZ_CHECK(vsnprintf(message, sizeof message, format, arguments) > 0);
    va_end(arguments);
    refused++;
}

const char *ctx_header(const struct request_ctx *of, const char *name, size_t *length)
{
    FUZZ_CHECK(of == &ctx && !length && strcmp(name, MHD_HTTP_HEADER_CONTENT_TYPE) == 0);
    return type;
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) % 16 : -1;
}

static size_t unescape(char *text, size_t length)
{
    size_t to = 0;
    for (size_t from = 0; from < length; from++) {
        bool escaped =
            text[from] == '%' && from + 2 < length && digit(text[from + 1]) >= 0 && digit(text[from + 2]) >= 0;
        text[to++] = escaped ? (char)(16 * digit(text[from + 1]) + digit(text[from + 2])) : text[from];
        from += escaped ? 2 : 0;
    }
    text[to] = '\0';
    return to;
}

int MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                MHD_KeyValueIteratorN iterator, void *payload)
{
    (void)connection;
    static char copy[FUZZ_SEED_LIMIT];
    memcpy(copy, query, query_length);
    for (size_t at = 0; at < query_length;) {
        char *pair = copy + at, *end = memchr(pair, '&', query_length - at);
        size_t length = end ? (size_t)(end - pair) : query_length - at;
        at += length + 1;
        char *equals = memchr(pair, '=', length);
        size_t name = equals ? (size_t)(equals - pair) : length;
        size_t value = equals ? unescape(equals + 1, length - name - 1) : 0;
        name = unescape(pair, name);
        if (iterator(payload, kind, pair, name, equals ? equals + 1 : NULL, value) == MHD_NO)
            break;
    }
    return 0;
}

static void read_query(const uint8_t *data, size_t size)
{
    struct parameter parameters[] = {{"limit", NULL}, {"before", NULL}, {"after", NULL}};
    int32_t limit = 50;
    query = (const char *)data;
    query_length = size;
    bool good = query_read(&ctx, parameters, sizeof parameters / sizeof *parameters);
    FUZZ_CHECK(good == (refused == 0));
    if (good && query_limit(&ctx, &parameters[0], &limit))
        FUZZ_CHECK(limit >= 1 && limit <= DLG_PAGE_LIMIT);
    FUZZ_CHECK(refused <= 1);
}

static void read_fields(const json_t *body)
{
    char room[DATE_SIZE];
    const char *text;
    size_t length;
    if (body_text(&ctx, body, "text", true, &text, &length))
        FUZZ_CHECK(text && strlen(text) <= length);
    if (body_word(&ctx, body, "id", &text))
        FUZZ_CHECK(!text || strlen(text) < FUZZ_SEED_LIMIT);
    if (body_date(&ctx, body, "birthdate", room, &text) && text == room)
        FUZZ_CHECK(strlen(room) == DATE_SIZE - 1);
}

/* A body of JSON is blanked where it lies. */
static void read_body(const uint8_t *data, size_t size)
{
    ctx.body = (struct text_buffer){.data = malloc(size + 1), .length = size};
    FUZZ_CHECK(ctx.body.data);
    memcpy(ctx.body.data, data, size);
    ctx.body.data[size] = '\0';
    json_t *body = body_read(&ctx);
    FUZZ_CHECK((body != NULL) == (refused == 0) && (!body || json_is_object(body)));
    if (body)
        read_fields(body);
    json_decref(body);
    free(ctx.body.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {NULL, "application/vnd.msgpack"};
    if (!size || size >= FUZZ_SEED_LIMIT)
        return 0;
    refused = 0;
    type = types[data[0] % 2];
    if (data[0] & 2)
        read_body(data + 1, size - 1);
    else
        read_query(data + 1, size - 1);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char *seeds[] = {"0limit=10&after=AQAABjZ",
                                  "0limit=1%30&before=",
                                  "0&&=&a&limit&%00=1&_=5",
                                  "0limit=1000&limit=1",
                                  "0after=%00&offset=5",
                                  "2{\"text\":\"hello\",\"id\":null,\"birthdate\":\"1990-01-01T10:00:00.000+00:00\"}",
                                  "2{\"text\":\"a\\u0000b\",\"id\":\"x\",\"more\":[1e999,{\"a\":-0}]}",
                                  "3\202\244text\245hello\251birthdate\2521990-01-01"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
