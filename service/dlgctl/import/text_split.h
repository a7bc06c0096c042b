/* passages.h - the messages in a text file: a line each, a paragraph each, or what stands between separators. */
#ifndef SERVICE_PASSAGES_H
#define SERVICE_PASSAGES_H

#include "import/lines.h"

enum passages_form { PASSAGES_LINES, PASSAGES_PARAGRAPHS, PASSAGES_SEPARATED };

struct passages {
    struct lines lines;
    enum passages_form form;
    const char *separator; /* the whole line that separates */
    size_t limit;          /* bytes of a text that are kept */
    char *bytes;           /* the text read last */
    size_t length, room;
    uint64_t number; /* of its first line */
    bool cut;        /* it was longer than the limit; the rest is gone */
};

void passages_init(struct passages *passages, FILE *file, enum passages_form form, const char *separator, size_t limit);
void passages_free(struct passages *passages);

/* The next text that is not empty; false as lines_next() is. */
bool passages_next(struct passages *passages);

#endif
