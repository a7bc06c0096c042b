/* scratch.h - a directory for the files of a test. */
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include "check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static inline int scratch_remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* cmocka's setup and teardown: the state is the directory's path. */
static inline int scratch_setup(void **state)
{
    const char *parent = getenv("TMPDIR");
    char *path;
    if (asprintf(&path, "%s/dialogs-test-XXXXXX", parent && *parent ? parent : P_tmpdir) < 0)
        return -1;
    *state = path;
    return mkdtemp(path) ? 0 : -1;
}

static inline int scratch_teardown(void **state)
{
    int result = nftw(*state, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return result;
}

/* A path in the directory; to be freed. */
static inline char *scratch_path(void **state, const char *name)
{
    char *path;
    assert_true(asprintf(&path, "%s/%s", (const char *)*state, name) > 0);
    return path;
}

#endif
