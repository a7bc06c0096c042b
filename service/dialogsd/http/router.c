#include "http/router.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/*
 * Clients that join a base and a path by hand end it in "/". Not so where a proxy may have a rule for the exact path,
 * such as "/metrics".
 */
static bool may_end_in_slash(const struct route *route)
{
    return route->needs & (NEEDS_TOKEN | NEEDS_BODY | NEEDS_DATABASE);
}

/* Whether the path is of this pattern; `match` receives the segment in the place of {name}. */
static bool path_fits(const struct route *route, const char *path, struct match *match)
{
    const char *pattern = route->pattern;
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
    match->slash = strcmp(path, "/") == 0 && may_end_in_slash(route);
    return !*pattern && (!*path || match->slash);
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
        if (!path_fits(&table->routes[i], path, match))
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

const char *target_path(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], length) != 0)
            continue;
        const char *path = target + length + strcspn(target + length, "/?");
        return *path ? path : "/";
    }
    return target;
}
