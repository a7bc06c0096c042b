/*
 * subprocess.h - runs other programs for a host that may have threads, signal handlers and any
 * descriptors open: no shell, nothing inherited but what is named here, and only our own child is
 * waited for. It works when the host ignores SIGCHLD or reaps every child itself.
 */
#ifndef DIALOGS_SUBPROCESS_H
#define DIALOGS_SUBPROCESS_H

#include "embedded/account.h"

#include <stddef.h>
#include <stdint.h>

struct subprocess {
    const char *const *arguments;  /* the first is the path; NULL at the end */
    const struct account *account; /* whom it runs as; NULL: as we do */
    const char *directory;         /* where it runs; NULL: "/" */
    const char *lock; /* an existing file, held with flock() as long as it or a child of it lives; or NULL */
};

enum subprocess_end {
    SUBPROCESS_DONE,      /* `value` is its exit status, 0 for a started one */
    SUBPROCESS_SIGNALLED, /* `value` is the signal */
    SUBPROCESS_TIMEOUT,   /* and was killed */
    /* What could not be done, `value` being errno: */
    SUBPROCESS_NO_PROCESS,
    SUBPROCESS_NO_LOCK,
    SUBPROCESS_NO_ACCOUNT,
    SUBPROCESS_NO_DIRECTORY,
    SUBPROCESS_NO_FILE
};

struct subprocess_result {
    enum subprocess_end end;
    int value;
    char output[4096]; /* the last of what it wrote to its output and error streams */
};

/* Runs a program to its end. True: it exited with status 0. */
bool subprocess_run(const struct subprocess *program, int64_t deadline_us, struct subprocess_result *result);

/*
 * Starts a program that outlives us, in a session of its own, nobody's child; its output and errors
 * go to the descriptor `output`. True: the program is running.
 */
bool subprocess_start(const struct subprocess *program, int output, struct subprocess_result *result);

/* One line about an end that was not a success. */
void subprocess_explain(const struct subprocess *program, const struct subprocess_result *result, char *line,
                        size_t size);

#endif
