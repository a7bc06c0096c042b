/*
 * pair.h - the fixture of tests that carry rows from one database to another: two databases of one
 * server, a client for each, and a file for each test.
 */
#ifndef TEST_PAIR_H
#define TEST_PAIR_H

#include <dialogs.h>

struct pair {
    struct test_server *server;
    dlg_client *first, *second;
    char first_conninfo[512], second_conninfo[512];
};

extern struct pair pair;

int pair_group_setup(void **state);
int pair_group_teardown(void **state);

/* Empty tables; *(int *)*state is the descriptor of an empty file. */
int pair_setup(void **state);
int pair_teardown(void **state);

/* This many messages into the first. */
void pair_fill(int count);

/* The first into the file, the file into the second; each leaves the file at its beginning. */
void pair_dump(int fd);
void pair_restore(int fd);

/* Both have the same rows. */
void pair_check_same(void);

#endif
