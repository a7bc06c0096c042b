#include "import/lines.h"

#include "common/byte_order_mark.h"

#include <errno.h>
#include <stdlib.h>

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

/* Some systems end lines with a carriage return and a newline. */
static void drop_return(struct lines *lines)
{
    bool newline = lines->length > 0 && lines->bytes[lines->length - 1] == '\n';
    size_t length = lines->length - newline;
    if (length == 0 || lines->bytes[length - 1] != '\r')
        return;
    if (newline)
        lines->bytes[length - 1] = '\n';
    lines->length--;
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
        if (lines->number == 0 && lines->length == byte_order_mark(lines->bytes, lines->length))
            lines->length = 0;
    }
    if (c == EOF && (lines->length == 0 || ferror(lines->file)))
        return false;
    drop_return(lines);
    lines->number++;
    return true;
}
