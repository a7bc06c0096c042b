#include "ops/config_file.h"

#include "common/byte_order_mark.h"
#include "ops/service_log.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *trim_line(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        text++;
    }
    return text;
}

static bool take_line(const char *path, unsigned number, char *line, config_line take, void *payload)
{
    char place[512];
    line = trim_line(number == 1 ? line + byte_order_mark(line, strlen(line)) : line);
    if (!*line || *line == '#')
        return true;
    char *equals = strchr(line, '=');
    const char *name = NULL;
    if (equals) {
        *equals = '\0';
        name = trim_line(line);
    }
    if (!name || !*name) /* the line may have a password: it is not repeated */
        return say("%s:%u: a line is NAME = VALUE, and this one is not", path, number);
    snprintf(place, sizeof place, "%s:%u: %s", path, number, name);
    return take(payload, name, trim_line(equals + 1), place);
}

bool config_file_read(const char *path, config_line take, void *payload)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return say("cannot read the configuration %s: %s", path, strerror(errno));
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    errno = 0;
    for (unsigned number = 1; good && getline(&line, &room, file) >= 0; number++)
        good = take_line(path, number, line, take, payload);
    if (good && ferror(file))
        good = say("cannot read the configuration %s: %s", path, strerror(errno));
    if (line)
        explicit_bzero(line, room); /* it may have had a password */
    free(line);
    fclose(file);
    return good;
}
