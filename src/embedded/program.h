/*
 * program.h - runs other programs for a host that may have threads, signal handlers and any
 * descriptors open: no shell, nothing inherited but what is named here, and only our own child is
 * waited for. It works when the host ignores SIGCHLD or reaps every child itself.
 */
#ifndef DIALOGS_PROGRAM_H
#define DIALOGS_PROGRAM_H

#include "embedded/account.h"

#include <stddef.h>
#include <stdint.h>

struct program {
    const char *const *arguments;  /* the first is the path; NULL at the end */
    const struct account *account; /* whom it runs as; NULL: as we do */
    const char *directory;         /* where it runs; NULL: "/" */
    const char *lock; /* an existing file, held with flock() as long as it or a child of it lives; or NULL */
};

enum program_end {
    PROGRAM_DONE,      /* `value` is its exit status, 0 for a started one */
    PROGRAM_SIGNALLED, /* `value` is the signal */
    PROGRAM_TIMEOUT,   /* and was killed */
    /* What could not be done, `value` being errno: */
    PROGRAM_NO_PROCESS,
    PROGRAM_NO_LOCK,
    PROGRAM_NO_ACCOUNT,
    PROGRAM_NO_DIRECTORY,
    PROGRAM_NO_FILE
};

struct program_result {
    enum program_end end;
    int value;
    char output[4096]; /* the last of what it wrote to its output and error streams */
};

/* Runs a program to its end. True: it exited with status 0. */
bool program_run(const struct program *program, int64_t deadline_us, struct program_result *result);

/*
 * Starts a program that outlives us, in a session of its own, nobody's child; its output and errors
 * go to the descriptor `output`. True: the program is running.
 */
bool program_start(const struct program *program, int output, struct program_result *result);

/* One line about an end that was not a success. */
void program_explain(const struct program *program, const struct program_result *result, char *line, size_t size);

#endif
