/* text_split.h - the messages in a text file: a line each, a paragraph each, or what stands between separators. */
#ifndef DLGCTL_TEXT_SPLIT_H
#define DLGCTL_TEXT_SPLIT_H

#include "import/lines.h"

enum text_form { TEXT_LINES, TEXT_PARAGRAPHS, TEXT_SEPARATED };

struct text_split {
    struct lines lines;
    enum text_form form;
    const char *separator; /* the whole line that separates */
    size_t limit;          /* bytes of a text that are kept */
    char *bytes;           /* the text read last */
    size_t length, room;
    uint64_t number; /* of its first line */
    bool cut;        /* it was longer than the limit; the rest is gone */
};

void text_split_init(struct text_split *split, FILE *file, enum text_form form, const char *separator, size_t limit);
void text_split_free(struct text_split *split);

/* The next text that is not empty; false as lines_next() is. */
bool text_split_next(struct text_split *split);

#endif
