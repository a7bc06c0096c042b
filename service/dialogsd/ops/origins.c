#include "ops/origins.h"

#include "ops/service_log.h"

#include <stdlib.h>
#include <string.h>

enum { ORIGIN_SIZE = 512 };

/* The next of the list, without the blanks around it; false at its end. `list` moves on. */
static bool next_origin(const char **list, const char **origin, size_t *length)
{
    if (!*list)
        return false;
    const char *from = *list + strspn(*list, " \t");
    size_t each = strcspn(from, ",");
    *list = from[each] ? from + each + 1 : NULL;
    while (each && (from[each - 1] == ' ' || from[each - 1] == '\t'))
        each--;
    *origin = from;
    *length = each;
    return true;
}

/* Behind the host: nothing, or ":PORT" as a browser writes it. */
static const char *port_trouble(const char *scheme, const char *port)
{
    size_t digits = *port == ':' ? strspn(port + 1, "0123456789") : 0;
    long number = digits && digits <= 5 ? strtol(port + 1, NULL, 10) : 0;
    if (!*port)
        return NULL;
    if (*port != ':' || port[1 + digits])
        return "an origin ends behind its host and port";
    if (number < 1 || number > 65535 || port[1] == '0')
        return "its port is no number from 1 to 65535";
    bool own = (strcmp(scheme, "http") == 0 && number == 80) || (strcmp(scheme, "https") == 0 && number == 443);
    return own ? "browsers leave out the port that is the scheme's own" : NULL;
}

static const char *host_trouble(const char *scheme, const char *host)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_", bracketed[] = "0123456789abcdef:.";
    size_t length = strspn(host, good);
    if (*host == '[') {
        length = 1 + strspn(host + 1, bracketed);
        if (host[length] != ']')
            return "its address has no \"]\"";
        length++;
    }
    if (strcmp(host + length, "/") == 0)
        return "browsers write no \"/\" at its end";
    if (!length)
        return "it has no host, or one that browsers write in another way: lower case, xn--... for other letters";
    if (host[length] && host[length] != ':' && host[length] != '/')
        return "browsers write its host in another way: lower case, xn--... for other letters";
    return port_trouble(scheme, host + length);
}

/* Why no browser sends this origin; NULL when it may. */
static const char *origin_trouble(char *origin)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
    if (strcmp(origin, "null") == 0) /* of a page in a file, or in a sandbox */
        return NULL;
    if (strcmp(origin, "*") == 0)
        return "\"*\" stands alone";
    size_t scheme = strspn(origin, letters);
    if (!scheme || strncmp(origin + scheme, "://", 3) != 0)
        return "an origin is SCHEME://HOST[:PORT] in lower case";
    origin[scheme] = '\0';
    const char *trouble = host_trouble(origin, origin + scheme + 3);
    origin[scheme] = ':';
    return trouble;
}

bool origins_check(const char *list)
{
    const char *rest = list, *from;
    size_t length;
    if (!*list || strcmp(list, "*") == 0)
        return true;
    while (next_origin(&rest, &from, &length)) {
        char origin[ORIGIN_SIZE];
        if (length >= sizeof origin)
            return say("--cors: an origin has at most %d bytes", ORIGIN_SIZE - 1);
        memcpy(origin, from, length);
        origin[length] = '\0';
        const char *trouble = origin_trouble(origin);
        if (trouble)
            return say("--cors: \"%s\" would never match: %s", origin, trouble);
    }
    return true;
}

bool origins_contain(const char *list, const char *origin)
{
    const char *each;
    size_t length, wanted = strlen(origin);
    if (!list || !*list || strcmp(list, "*") == 0)
        return list && *list;
    while (next_origin(&list, &each, &length))
        if (length == wanted && memcmp(each, origin, length) == 0)
            return true;
    return false;
}
