#include "http/head_checks.h"

#include "http/reply.h"

#include <string.h>
#include <strings.h>

struct head_facts {
    unsigned lengths; /* how many lines there are of each */
    unsigned codings;
    unsigned hosts;
    const char *coding;
    const char *trouble; /* NULL: none */
};

/* A token (RFC 9110, 5.6.2): no blank before the colon, above all. */
static bool is_token(const char *name, size_t length)
{
    static const char good[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return length > 0 && strspn(name, good) == length;
}

static bool is_text(const char *value)
{
    for (; *value; value++)
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
            return false;
    return true;
}

/*
 * libmicrohttpd joins a line that begins with a blank to the NAME of the line before it, for which it copies the name.
 * Else name, colon, blanks and value lie behind each other as they came.
 */
static bool is_folded(const char *name, size_t name_length, const char *value)
{
    const char *at = name + name_length + 1;
    while (at < value && (*at == ' ' || *at == '\t'))
        at++;
    return at != value;
}

/* The memory is the connection's own, and nobody else looks at it. */
static void trim(const char *value)
{
    size_t length = strlen(value);
    while (length && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    ((char *)(uintptr_t)value)[length] = '\0';
}

static enum MHD_Result note_header(void *payload, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                   const char *value, size_t length)
{
    (void)kind, (void)length;
    struct head_facts *head = payload;
    if (!is_token(name, name_length))
        head->trouble = "a header's name has a character that no name may have, or a blank behind it";
    else if (!value || !is_text(value))
        head->trouble = "a header has a control character";
    else if (is_folded(name, name_length, value))
        head->trouble = "a header goes on in the next line; send it in one";
    if (head->trouble)
        return MHD_NO;
    trim(value);
    bool coding = strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    head->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    head->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    head->codings += coding;
    if (coding)
        head->coding = value;
    return MHD_YES;
}

/* Where the body ends has to be said once, in a way that we know. */
static bool check_framing(struct request_ctx *ctx, const struct head_facts *head)
{
    if (head->trouble)
        reply_bad(ctx, "%s", head->trouble);
    else if (head->hosts > 1)
        reply_bad(ctx, "send one Host");
    else if (head->lengths + head->codings > 1)
        reply_bad(ctx, "send one Content-Length or one Transfer-Encoding");
    else if (head->coding && strcasecmp(head->coding, "chunked") != 0)
        reply_error(ctx, 501, DLG_E_ARGUMENT, "the only Transfer-Encoding here is \"chunked\"");
    else if (head->coding && ctx->http_1_0)
        reply_bad(ctx, "HTTP/1.0 has no Transfer-Encoding; send Content-Length");
    else
        return true;
    return false;
}

bool check_head(struct request_ctx *ctx)
{
    struct head_facts head = {0};
    MHD_get_connection_values_n(ctx->connection, MHD_HEADER_KIND, note_header, &head);
    return check_framing(ctx, &head);
}
