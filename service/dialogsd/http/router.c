#include "http/router.h"

#include <stdio.h>
#include <string.h>

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

void router_match(const struct route_table *table, const char *method, const char *path, struct match *match)
{
    *match = (struct match){0};
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (size_t i = 0; i < table->count; i++) {
        if (!path_fits(table->routes[i].pattern, path, match))
            continue;
        if (strcmp(table->routes[i].method, wanted) == 0) {
            match->route = &table->routes[i];
            return;
        }
        allow(match, table->routes[i].method);
    }
    if (match->allow[0])
        allow(match, "OPTIONS");
}
