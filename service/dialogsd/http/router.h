/* router.h - which call a method and a path mean. */
#ifndef DIALOGSD_ROUTER_H
#define DIALOGSD_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

struct request_ctx;

enum route_needs {
    NEEDS_TOKEN = 1,    /* a bearer token says who the caller is */
    NEEDS_BODY = 2,     /* a JSON body */
    NEEDS_DATABASE = 4, /* the tables */
    GIVES_EVENTS = 8,   /* answers with a stream of events, not with JSON */
    GIVES_TEXT = 16,    /* answers with plain text, whatever Accept says */
    TAKES_QUERY = 32,   /* reads its parameters itself */
    FOR_OPERATORS = 64, /* also on the listener for operators */
    NOT_FOR_ALL = 128,  /* ... and only there, when there is one */
    SMALL_BODY = 256,   /* at most SMALL_BODY_LIMIT */
};

/* An id and a password, each of its characters as six of JSON: twice as much as that. */
enum { SMALL_BODY_LIMIT = 16 * 1024 };

/*
 * A call. `start` answers at once, or suspends the request and starts a call of the library; then
 * `finish` answers with what came, unless that is an error.
 */
struct route {
    const char *method;
    const char *pattern; /* "{name}" stands for one segment; a path may have one "/" more, but for the operator's */
    unsigned needs;      /* NEEDS_* */
    unsigned overload;   /* the status when too much is asked at once */
    unsigned too_large;  /* the status when a text is too long */
    void (*start)(struct request_ctx *ctx);
    void (*finish)(struct request_ctx *ctx);
};

enum { ALLOW_SIZE = 64 };

struct route_table {
    const struct route *routes; /* in the order of the documentation */
    size_t count;
    /* Answers a path that no route has, or returns false. */
    bool (*other)(struct request_ctx *ctx, const char *path);
};

struct match {
    const struct route *route; /* NULL: none for this method, or none at all */
    const char *parameter;     /* what stands for {name}, within the path */
    size_t parameter_length;
    bool slash;             /* the path has one "/" more than the pattern */
    char allow[ALLOW_SIZE]; /* the methods this path has, "" when the path is unknown */
};

/* The path of a target, also of one in absolute form, which every server has to take (RFC 9112, 3.2.2). */
const char *target_path(const char *target);

/* HEAD finds what GET finds. */
void router_match(const struct route_table *table, const char *method, const char *path, struct match *match);

#endif
