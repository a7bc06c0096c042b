/*
 * child.h - runs a program to its end, with what it reads and what it writes; on a terminal if wanted.
 *
 *   struct child child = {.input = "hello\n", .length = 6};
 *   child_run(&child, (const char *const[]){"/usr/bin/rev", NULL});
 *   ... child.status, child.out, child.err ...
 *   child_free(&child);
 */
#ifndef TEST_CHILD_H
#define TEST_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
    /* what it gets */
    const char *input; /* standard input; NULL: none */
    size_t length;
    bool hold;         /* standard input stays open after that */
    bool terminal;     /* standard input, output and error are one terminal, of 80 columns; all is in `out` */
    const char *await; /* on a terminal: `input` is typed when this was written; each line waits for it anew */
    int signal;        /* sent when `signal_after` was written to standard error */
    const char *signal_after;
    /* what it gave */
    int status; /* of exit(), or 128 and the signal */
    char *out;
    size_t out_length; /* a NUL follows */
    char *err;
    size_t err_length;
};

/* Fails the test when the program does not end within a minute, or two with a sanitizer. */
void child_run(struct child *child, const char *const *arguments);
void child_free(struct child *child);

#endif
