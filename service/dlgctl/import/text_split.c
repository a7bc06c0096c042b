#include "import/text_split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void passages_init(struct passages *passages, FILE *file, enum passages_form form, const char *separator, size_t limit)
{
    *passages = (struct passages){.form = form, .separator = separator, .limit = limit};
    lines_init(&passages->lines, file, limit + 1);
}

void passages_free(struct passages *passages)
{
    lines_free(&passages->lines);
    free(passages->bytes);
    passages->bytes = NULL;
}

/* The line without what ended it. */
static size_t bare_length(const struct lines *lines)
{
    size_t length = lines->length;
    if (length > 0 && lines->bytes[length - 1] == '\n')
        length--;
    return length > 0 && lines->bytes[length - 1] == '\r' ? length - 1 : length;
}

static bool separates(const struct passages *passages)
{
    size_t length = bare_length(&passages->lines);
    if (passages->form == PASSAGES_PARAGRAPHS)
        return length == 0;
    return passages->form == PASSAGES_SEPARATED && length == strlen(passages->separator) &&
           memcmp(passages->lines.bytes, passages->separator, length) == 0;
}

static bool append(struct passages *passages, const char *bytes, size_t length)
{
    if (length == 0)
        return true;
    if (passages->length + length > passages->limit + 1) { /* one more: the newline at the end does not count */
        passages->cut = true;
        return true;
    }
    if (passages->length + length > passages->room) {
        size_t room = (passages->length + length) * 2;
        char *grown = realloc(passages->bytes, room);
        if (!grown) {
            errno = ENOMEM;
            return false;
        }
        passages->bytes = grown;
        passages->room = room;
    }
    memcpy(passages->bytes + passages->length, bytes, length);
    passages->length += length;
    return true;
}

/* Of several lines the last one's newline is the file's, not the text's. Returns whether there is a text. */
static bool finish(struct passages *passages)
{
    if (passages->form != PASSAGES_LINES && passages->length > 0 && passages->bytes[passages->length - 1] == '\n')
        passages->length--;
    passages->cut |= passages->length > passages->limit;
    return passages->length > 0 || passages->cut;
}

bool passages_next(struct passages *passages)
{
    passages->length = 0;
    passages->cut = false;
    struct lines *lines = &passages->lines;
    while (lines_next(lines)) {
        bool lone = passages->form == PASSAGES_LINES;
        bool ends = separates(passages);
        if (passages->length == 0 && !passages->cut)
            passages->number = lines->number;
        passages->cut |= lines->cut && !ends;
        if (!ends && !append(passages, lines->bytes, lone ? bare_length(lines) : lines->length))
            return false;
        if ((ends || lone) && finish(passages))
            return true;
        if (ends)
            passages->length = 0;
    }
    return !ferror(lines->file) && errno != ENOMEM && finish(passages);
}
