#include "content/media_types.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct piece {
    const char *text;
    size_t length;
};

static bool is(struct piece piece, const char *word)
{
    return strlen(word) == piece.length && strncasecmp(piece.text, word, piece.length) == 0;
}

static struct piece trim_piece(const char *text, size_t length)
{
    while (length && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    return (struct piece){text, length};
}

/* "application/json" or "application/anything+json" */
static bool is_json(struct piece type)
{
    static const char family[] = "application/", suffix[] = "+json";
    const size_t family_length = sizeof family - 1, suffix_length = sizeof suffix - 1;
    if (is(type, "application/json"))
        return true;
    return type.length > family_length + suffix_length && strncasecmp(type.text, family, family_length) == 0 &&
           strncasecmp(type.text + type.length - suffix_length, suffix, suffix_length) == 0;
}

/* How closely a range of an Accept header speaks of JSON: 0, not at all. */
static int closeness_to_json(struct piece range)
{
    if (is_json(range))
        return 3;
    if (is(range, "application/*"))
        return 2;
    return is(range, "*/*") || is(range, "text/*") || is(range, "text/plain") ? 1 : 0;
}

/* The value of the parameter `name` in "; a=b; c=d", unquoted; a NULL text when there is none. */
static struct piece parameter(const char *text, size_t length, const char *name)
{
    while (length) {
        size_t span = 0;
        while (span < length && text[span] != ';')
            span++;
        const char *equals = memchr(text, '=', span);
        if (equals && is(trim_piece(text, (size_t)(equals - text)), name)) {
            struct piece value = trim_piece(equals + 1, span - (size_t)(equals + 1 - text));
            if (value.length >= 2 && value.text[0] == '"' && value.text[value.length - 1] == '"')
                value = (struct piece){value.text + 1, value.length - 2};
            return value;
        }
        size_t used = span < length ? span + 1 : span;
        text += used;
        length -= used;
    }
    return (struct piece){NULL, 0};
}

static bool is_msgpack(struct piece type)
{
    return is(type, "application/vnd.msgpack") || is(type, "application/x-msgpack");
}

/* "0", "0.", "0.000" exclude; anything else, also what is no number, takes. */
static bool excludes(struct piece q)
{
    if (!q.text || !q.length)
        return false;
    for (size_t i = 0; i < q.length; i++)
        if (q.text[i] != '0' && q.text[i] != '.')
            return false;
    return true;
}

/* The same of server-sent events. */
static int closeness_to_events(struct piece range)
{
    if (is(range, "text/event-stream"))
        return 3;
    if (is(range, "text/*"))
        return 2;
    return is(range, "*/*") ? 1 : 0;
}

/* The range that speaks of it most closely decides. */
static bool takes_type(const char *accept, int (*closeness_of)(struct piece range))
{
    int closest = 0;
    bool taken = trim_piece(accept, strlen(accept)).length == 0;
    while (*accept) {
        size_t length = strcspn(accept, ",");
        size_t name = 0;
        while (name < length && accept[name] != ';')
            name++;
        int close = closeness_of(trim_piece(accept, name));
        bool takes = !excludes(parameter(accept + name, length - name, "q"));
        if (close > closest || (close && close == closest && takes)) {
            closest = close;
            taken = takes;
        }
        accept += length + (accept[length] == ',');
    }
    return taken;
}

bool accept_json(const char *accept)
{
    return takes_type(accept, closeness_to_json);
}

/* The weight of the types that `is_it` knows, as they are named; 0 when none is. */
static double weight_of(const char *accept, bool (*is_it)(struct piece type))
{
    double most = 0;
    while (*accept) {
        size_t length = strcspn(accept, ",");
        size_t name = 0;
        while (name < length && accept[name] != ';')
            name++;
        struct piece q = parameter(accept + name, length - name, "q");
        double weight = q.text && q.length ? strtod(q.text, NULL) : 1;
        if (is_it(trim_piece(accept, name)) && weight > most)
            most = weight;
        accept += length + (accept[length] == ',');
    }
    return most;
}

bool accept_msgpack(const char *accept)
{
    double weight = weight_of(accept, is_msgpack);
    return weight > 0 && weight > weight_of(accept, is_json);
}

static bool is_events(struct piece type)
{
    return is(type, "text/event-stream");
}

bool accept_names_events(const char *accept)
{
    return weight_of(accept, is_events) > 0;
}

bool content_is_msgpack(const char *type)
{
    return is_msgpack(trim_piece(type, strcspn(type, ";")));
}

bool accept_events(const char *accept)
{
    return takes_type(accept, closeness_to_events);
}

/* What browsers' fetch and other clients call a text of JSON that they were given without a type. */
static bool is_plain(struct piece type)
{
    return is(type, "text/plain") || is(type, "text/json");
}

bool content_is_json(const char *type)
{
    size_t name = strcspn(type, ";");
    struct piece charset = parameter(type + name, strlen(type + name), "charset");
    if (charset.text && !is(charset, "utf-8") && !is(charset, "utf8") && !is(charset, "us-ascii"))
        return false;
    struct piece bare = trim_piece(type, name);
    return bare.length == 0 || is_json(bare) || is_plain(bare);
}
