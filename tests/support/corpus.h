/* corpus.h - real texts: Debian's fortunes in five languages, and the big list of naughty strings. */
#ifndef TEST_CORPUS_H
#define TEST_CORPUS_H

#include <stddef.h>

struct corpus {
    char **texts; /* UTF-8, none empty, each ended by NUL */
    size_t count;
    size_t room;
};

/* Fails the test when the packages are not there. At most `per_file` of each file. */
void corpus_add_fortunes(struct corpus *corpus, size_t per_file);
void corpus_add_naughty(struct corpus *corpus);
void corpus_free(struct corpus *corpus);

#endif
