#include "import/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void lines_init(struct lines *lines, FILE *file, size_t limit)
{
    *lines = (struct lines){.file = file, .limit = limit};
}

void lines_free(struct lines *lines)
{
    free(lines->bytes);
    lines->bytes = NULL;
}

static bool reserve(struct lines *lines)
{
    if (lines->length < lines->room)
        return true;
    size_t room = lines->room ? lines->room * 2 : 256;
    char *bytes = realloc(lines->bytes, room);
    if (!bytes) {
        errno = ENOMEM;
        return false;
    }
    lines->bytes = bytes;
    lines->room = room;
    return true;
}

bool lines_next(struct lines *lines)
{
    lines->length = 0;
    lines->cut = false;
    errno = 0;
    int c;
    while ((c = getc_unlocked(lines->file)) != EOF) {
        if (lines->length == lines->limit && c != '\n') {
            lines->cut = true;
            continue;
        }
        if (!reserve(lines))
            return false;
        lines->bytes[lines->length++] = (char)c;
        if (c == '\n')
            break;
    }
    if (c == EOF && (lines->length == 0 || ferror(lines->file)))
        return false;
    lines->number++;
    return true;
}
