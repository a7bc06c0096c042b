/*
 * lines.h - the lines of a file, in memory bounded whatever the file is. They are the same whatever editor wrote it: no
 * byte order mark, and no carriage return before a newline.
 */
#ifndef DLGCTL_LINES_H
#define DLGCTL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct lines {
    FILE *file;
    size_t limit;    /* bytes of a line that are kept */
    uint64_t number; /* of the line read last, from 1 on */
    char *bytes;     /* it, with the newline that ended it if there was one */
    size_t length;
    size_t room;
    bool cut; /* it was longer than the limit; the rest is gone */
};

void lines_init(struct lines *lines, FILE *file, size_t limit);
void lines_free(struct lines *lines);

/* The next line. False at the end, on an error (ferror), or without memory (errno is ENOMEM). */
bool lines_next(struct lines *lines);

#endif
