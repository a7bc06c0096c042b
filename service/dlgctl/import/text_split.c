#include "import/text_split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void text_split_init(struct text_split *split, FILE *file, enum text_form form, const char *separator, size_t limit)
{
    *split = (struct text_split){.form = form, .separator = separator, .limit = limit};
    lines_init(&split->lines, file, limit + 1);
}

void text_split_free(struct text_split *split)
{
    lines_free(&split->lines);
    free(split->bytes);
    split->bytes = NULL;
}

/* The line without what ended it. */
static size_t bare_length(const struct lines *lines)
{
    size_t length = lines->length;
    return length > 0 && lines->bytes[length - 1] == '\n' ? length - 1 : length;
}

static bool separates(const struct text_split *split)
{
    size_t length = bare_length(&split->lines);
    if (split->form == TEXT_PARAGRAPHS)
        return length == 0;
    return split->form == TEXT_SEPARATED && length == strlen(split->separator) &&
           memcmp(split->lines.bytes, split->separator, length) == 0;
}

static bool append(struct text_split *split, const char *bytes, size_t length)
{
    if (length == 0)
        return true;
    if (split->length + length > split->limit + 1) { /* one more: the newline at the end does not count */
        split->cut = true;
        return true;
    }
    if (split->length + length > split->room) {
        size_t room = (split->length + length) * 2;
        char *grown = realloc(split->bytes, room);
        if (!grown) {
            errno = ENOMEM;
            return false;
        }
        split->bytes = grown;
        split->room = room;
    }
    memcpy(split->bytes + split->length, bytes, length);
    split->length += length;
    return true;
}

/* Of several lines the last one's newline is the file's, not the text's. Returns whether there is a text. */
static bool finish_text(struct text_split *split)
{
    if (split->form != TEXT_LINES && split->length > 0 && split->bytes[split->length - 1] == '\n')
        split->length--;
    split->cut |= split->length > split->limit;
    return split->length > 0 || split->cut;
}

bool text_split_next(struct text_split *split)
{
    split->length = 0;
    split->cut = false;
    struct lines *lines = &split->lines;
    while (lines_next(lines)) {
        bool lone = split->form == TEXT_LINES;
        bool ends = separates(split);
        if (split->length == 0 && !split->cut)
            split->number = lines->number;
        split->cut |= lines->cut && !ends;
        if (!ends && !append(split, lines->bytes, lone ? bare_length(lines) : lines->length))
            return false;
        if ((ends || lone) && finish_text(split))
            return true;
        if (ends)
            split->length = 0;
    }
    return !ferror(lines->file) && errno != ENOMEM && finish_text(split);
}
