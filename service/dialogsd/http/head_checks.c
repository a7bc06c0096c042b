#include "http/head_checks.h"

#include "http/reply.h"

#include <string.h>
#include <strings.h>

/* Zeros that libmicrohttpd writes over "\r\n". It writes one over a bare "\n". */
enum { LINE_END = 2 };

struct head_facts {
    unsigned lengths; /* how many lines there are of each */
    unsigned codings;
    unsigned hosts;
    bool coding_is_known;
    bool lies_as_it_came;
    const char *host;
    const char *next;    /* where the next line has to begin; NULL: anywhere */
    const char *trouble; /* NULL: none */
};

bool head_lies_as_it_came(void)
{
    return strverscmp(MHD_get_version(), "0.9.76") < 0;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A token (RFC 9110, 5.6.2): no blank before the colon, above all. */
static bool is_token(const char *name, size_t length)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    size_t good = 0;
    while (is_letter_or_digit(name[good]) || (name[good] && strchr(others, name[good])))
        good++;
    return length > 0 && good == length;
}

/* A control character among eight bytes, or what may be one: a byte below 0x20, or 0x7f. */
static bool may_have_control(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t not_del = bytes ^ 0x7f * ones;
    return (((bytes - 0x20 * ones) & ~bytes) | ((not_del - ones) & ~not_del)) & tops;
}

static bool are_text(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)bytes[i] < 0x20 && bytes[i] != '\t') || bytes[i] == 0x7f)
            return false;
    return true;
}

static bool is_text(const char *value, size_t length)
{
    uint64_t bytes;
    size_t seen = 0;
    for (; seen + sizeof bytes <= length; seen += sizeof bytes) {
        memcpy(&bytes, value + seen, sizeof bytes);
        if (may_have_control(bytes) && !are_text(value + seen, sizeof bytes))
            return false;
    }
    return are_text(value + seen, length - seen);
}

/* The characters of "uri-host [ ":" port ]" (RFC 9110, 7.2). */
static bool is_host(const char *value)
{
    static const char good[] = "-._~%!$&'()*+,;=:[]0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return value[strspn(value, good)] == '\0';
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

static const char broken_line[] = "a line of the head has a NUL, or does not end with CR LF";

static enum MHD_Result note_header(void *payload, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                   const char *value, size_t length)
{
    (void)kind;
    struct head_facts *head = payload;
    if (!is_token(name, name_length))
        head->trouble = "a header's name has a character that no name may have, or a blank behind it";
    else if (!value || !is_text(value, length))
        head->trouble = "a header has a control character";
    else if (head->lies_as_it_came && is_folded(name, name_length, value))
        head->trouble = "a header goes on in the next line; send it in one";
    else if (head->next && name != head->next)
        head->trouble = broken_line;
    if (head->trouble)
        return MHD_NO;
    head->next = head->lies_as_it_came ? value + strlen(value) + LINE_END : NULL;
    bool coding = strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    if (coding) /* libmicrohttpd does not know it with a blank behind it, and would wait for the end of the connection
                 */
        head->coding_is_known = strcasecmp(value, "chunked") == 0;
    trim(value);
    head->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    head->codings += coding;
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
        head->hosts++;
        head->host = value;
    }
    return MHD_YES;
}

/* Where the body ends has to be said once, in a way that we know. */
static bool check_framing(struct request_ctx *ctx, const struct head_facts *head)
{
    if (head->trouble)
        reply_bad(ctx, "%s", head->trouble);
    else if (head->hosts > 1 || (!head->hosts && !ctx->http_1_0))
        reply_bad(ctx, "send one Host");
    else if (head->host && !is_host(head->host))
        reply_bad(ctx, "Host has a character that no host may have");
    else if (head->lengths + head->codings > 1)
        reply_bad(ctx, "send one Content-Length or one Transfer-Encoding");
    else if (head->codings && !head->coding_is_known)
        reply_error(ctx, 501, DLG_E_ARGUMENT, "the only Transfer-Encoding here is \"chunked\"");
    else if (head->codings && ctx->http_1_0)
        reply_bad(ctx, "HTTP/1.0 has no Transfer-Encoding; send Content-Length");
    else
        return true;
    return false;
}

/* The first line: method, target and version, one blank between them. Behind it the headers begin. */
static void note_line(const struct request_ctx *ctx, const char *method, struct head_facts *head)
{
    const struct request_line *line = &ctx->line;
    bool whole = method + strlen(method) + 1 == line->target && line->target_end + 1 == line->version;
    if (!is_token(method, strlen(method)) || line->bad_target)
        head->trouble = "the first line has a character that may not be there";
    else if (head->lies_as_it_came && !whole)
        head->trouble = "the first line has a NUL, or more blanks than two";
    if (head->lies_as_it_came)
        head->next = line->version + strlen(line->version) + LINE_END;
}

/* Behind the last header there is an empty line, and the end of what libmicrohttpd counts as the head. */
static void note_end(struct request_ctx *ctx, const char *method, struct head_facts *head)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(ctx->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!head->next || !info)
        return;
    ctx->line.body = method + info->header_size;
    if (head->next + LINE_END != ctx->line.body)
        head->trouble = broken_line;
}

bool check_head(struct request_ctx *ctx, const char *method)
{
    struct head_facts head = {.lies_as_it_came = head_lies_as_it_came()};
    note_line(ctx, method, &head);
    if (!head.trouble)
        MHD_get_connection_values_n(ctx->connection, MHD_HEADER_KIND, note_header, &head);
    if (!head.trouble)
        note_end(ctx, method, &head);
    ctx->chunked = head.codings > 0;
    return check_framing(ctx, &head);
}

/* ---- The body ---- */

void note_chunk(struct request_ctx *ctx, const char *data)
{
    const char *body = ctx->line.body;
    if (!ctx->chunked || !body || data <= body) /* the line was in what was read before, and is gone */
        return;
    const char *line = data - LINE_END;
    bool good = line > body && memcmp(line, "\r\n", LINE_END) == 0;
    while (good && line > body && line[-1] != '\n') {
        line--;
        good = *line != '\r' && *line != '\0';
    }
    bool first = line == body, after_another = line - body >= LINE_END && line[-LINE_END] == '\r';
    ctx->bad_chunks = ctx->bad_chunks || !good || !(first || after_another);
}

bool check_chunks(struct request_ctx *ctx)
{
    if (ctx->bad_chunks)
        reply_bad(ctx, "the line of a chunk has a NUL or a CR, or does not end with CR LF");
    return !ctx->bad_chunks;
}
