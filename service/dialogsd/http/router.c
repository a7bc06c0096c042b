#include "http/router.h"

#include "routes/handlers.h"

#include <stdio.h>
#include <string.h>

const struct route routes[] = {
    {"POST", "/login", NEEDS_BODY | NEEDS_DATABASE, 429, 400, login_start, login_finish},
    {"POST", "/logout", NEEDS_TOKEN, 503, 400, logout, NULL},
    {"POST", "/user/register", NEEDS_BODY | NEEDS_DATABASE, 503, 400, register_start, register_finish},
    {"GET", "/user/get/{id}", NEEDS_DATABASE, 503, 400, user_get_start, user_get_finish},
    {"GET", "/user/search", NEEDS_DATABASE, 503, 400, user_search_start, user_search_finish},
    {"POST", "/dialog/{user_id}/send", NEEDS_TOKEN | NEEDS_BODY | NEEDS_DATABASE, 503, 413, send_start, send_finish},
    {"GET", "/dialog/{user_id}/list", NEEDS_TOKEN | NEEDS_DATABASE, 503, 400, list_start, list_finish},
    {"GET", "/events", NEEDS_TOKEN | NEEDS_DATABASE | GIVES_EVENTS, 503, 400, events_start, events_finish},
    {"GET", "/metrics", GIVES_TEXT, 503, 400, metrics_show, NULL},
    {"GET", "/healthz", 0, 503, 400, health, NULL},
    {"GET", "/readyz", 0, 503, 400, readiness, NULL},
};

const size_t routes_count = sizeof routes / sizeof *routes;

/* Whether the path is of this pattern; `match` receives the segment in the place of {name}. */
static bool path_fits(const char *pattern, const char *path, struct match *match)
{
    while (*pattern && *path) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t length = strcspn(path, "/");
        if (!length)
            return false;
        match->parameter = path;
        match->parameter_length = length;
        pattern += strcspn(pattern, "}") + 1;
        path += length;
    }
    return !*pattern && !*path;
}

static void allow(struct match *match, const char *method)
{
    size_t length = strlen(match->allow);
    const char *also = strcmp(method, "GET") == 0 ? ", HEAD" : "";
    snprintf(match->allow + length, sizeof match->allow - length, "%s%s%s", length ? ", " : "", method, also);
}

void router_match(const char *method, const char *path, struct match *match)
{
    *match = (struct match){0};
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (size_t i = 0; i < routes_count; i++) {
        if (!path_fits(routes[i].pattern, path, match))
            continue;
        if (strcmp(routes[i].method, wanted) == 0) {
            match->route = &routes[i];
            return;
        }
        allow(match, routes[i].method);
    }
    if (match->allow[0])
        allow(match, "OPTIONS");
}
