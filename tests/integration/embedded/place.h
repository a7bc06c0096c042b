/* place.h - a temporary place for a private server, and looks at that server from outside. */
#ifndef TEST_PLACE_H
#define TEST_PLACE_H

#include "check.h"
#include "embedded/embedded.h"

#include <stdbool.h>
#include <sys/types.h>

enum { OPEN_LIMIT_US = 60 * 1000000 };

struct place {
    char base[64];       /* there, and everybody may pass through it */
    char directory[128]; /* base/db, not there yet */
};

/* cmocka's setup and teardown: *state is the place, new or with a directory that was used before. */
int place_setup(void **state);
int place_setup_used(void **state);
int place_teardown(void **state);

/* Of the group: forgets the directory that the used ones are copied from. */
int place_forget_used(void **state);

#define IN_NEW_PLACE(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)
#define IN_USED_PLACE(test) cmocka_unit_test_setup_teardown(test, place_setup_used, place_teardown)

/* Opens, or fails the test; in a forked child, which cannot fail one, ends the child with status 1. */
struct embedded *place_open(const char *directory, char **conninfo);

/* Fails to open, and says `part`; returns the code. */
int place_refuses(const char *directory, int64_t timeout_us, const char *part);

/* The first value of a query, or the error; good until the next call. */
const char *place_ask(const char *conninfo, const char *sql);

/* The server's first process as it wrote it down; 0 when it runs not. */
pid_t place_server(const char *directory);

/* Whether a process is there and not just waiting to be collected. */
bool place_alive(pid_t pid);

/*
 * Whether a process ends by itself within 5 seconds. One that gave up its files and locks may still
 * be seen for a moment.
 */
bool place_ends(pid_t pid);

/* A path in the place; good until the next call. */
const char *place_path(const struct place *place, const char *name);

/* Writes a text into a file of the server's user. */
void place_write(const char *path, const char *mode, const char *text);

/* Becomes an unprivileged user for good, when we are root. For forked children. */
void place_become_nobody(void);

/* The exit status of a child, -1 when it was ended by a signal. */
int place_wait(pid_t child);

#endif
