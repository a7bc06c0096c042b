#include "ops/redis_url.h"

#include "ops/service_log.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void redis_url_free(struct redis_url *url)
{
    free(url->host);
    if (url->password)
        explicit_bzero(url->password, strlen(url->password));
    free(url->password);
}

/* "[:PASSWORD@]HOST[:PORT][/DATABASE]" */
static bool read_authority(struct redis_url *url, const char *text)
{
    const char *at = strrchr(text, '@');
    if (at && *text != ':')
        return false;
    if (at)
        url->password = strndup(text + 1, (size_t)(at - text) - 1);
    text = at ? at + 1 : text;
    bool bracket = *text == '[';
    if (bracket && !strchr(text, ']'))
        return false;
    size_t host = bracket ? strcspn(text, "]") + 1 : strcspn(text, ":/");
    url->host = strndup(text + bracket, host - 2 * bracket);
    text += host;
    char *end = (char *)(uintptr_t)text;
    url->port = 6379;
    if (*text == ':')
        url->port = (int)strtol(text + 1, &end, 10);
    if (*end == '/' && end[1])
        url->database = (int)strtol(end + 1, &end, 10);
    else if (*end == '/')
        end++;
    return url->host && *url->host && !*end && url->port > 0 && url->port < 65536 && url->database >= 0;
}

bool redis_url_parse(struct redis_url *url, const char *text)
{
    static const char tcp[] = "redis://", local[] = "unix://";
    *url = (struct redis_url){0};
    bool good = false;
    if (strncmp(text, tcp, sizeof tcp - 1) == 0) {
        good = read_authority(url, text + sizeof tcp - 1);
    } else if (strncmp(text, local, sizeof local - 1) == 0) {
        url->host = strdup(text + sizeof local - 1);
        good = url->host && *url->host == '/';
    }
    return good || say("--redis takes redis://[:PASSWORD@]HOST[:PORT][/DATABASE] or unix:///PATH");
}

bool redis_url_check(const char *text)
{
    struct redis_url url;
    bool good = redis_url_parse(&url, text);
    redis_url_free(&url);
    return good;
}
