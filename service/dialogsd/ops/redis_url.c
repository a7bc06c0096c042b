#include "ops/redis_url.h"

#include "ops/service_log.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void target_free(struct target *target)
{
    free(target->host);
    if (target->password)
        explicit_bzero(target->password, strlen(target->password));
    free(target->password);
}

/* "[:PASSWORD@]HOST[:PORT][/DATABASE]" */
static bool read_authority(struct target *target, const char *text)
{
    const char *at = strrchr(text, '@');
    if (at && *text != ':')
        return false;
    if (at)
        target->password = strndup(text + 1, (size_t)(at - text) - 1);
    text = at ? at + 1 : text;
    size_t host = *text == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/");
    bool bracket = *text == '[';
    target->host = strndup(text + bracket, host - 2 * bracket);
    text += host;
    char *end = (char *)(uintptr_t)text;
    target->port = 6379;
    if (*text == ':')
        target->port = (int)strtol(text + 1, &end, 10);
    if (*end == '/' && end[1])
        target->database = (int)strtol(end + 1, &end, 10);
    else if (*end == '/')
        end++;
    return target->host && *target->host && !*end && target->port > 0 && target->port < 65536 && target->database >= 0;
}

bool target_read(struct target *target, const char *url)
{
    static const char tcp[] = "redis://", local[] = "unix://";
    *target = (struct target){0};
    bool good = false;
    if (strncmp(url, tcp, sizeof tcp - 1) == 0) {
        good = read_authority(target, url + sizeof tcp - 1);
    } else if (strncmp(url, local, sizeof local - 1) == 0) {
        target->host = strdup(url + sizeof local - 1);
        good = target->host && *target->host == '/';
    }
    return good || say("--redis takes redis://[:PASSWORD@]HOST[:PORT][/DATABASE] or unix:///PATH");
}
