/*
 * loading.h - the fixture of tests of the loader: a server, a client, a loader for each test, and
 * messages by number.
 */
#ifndef TEST_LOADING_H
#define TEST_LOADING_H

#include <dialogs.h>

enum { LOADING_CHUNK = 10000 }; /* rows in a chunk of the library */

extern struct test_server *loading_server;
extern dlg_client *loading_client;
extern const dlg_uuid loading_ann, loading_bob;

int loading_group_setup(void **state);
int loading_group_teardown(void **state);

/* Empty tables; *state is a loader. */
int loading_setup(void **state);
int loading_teardown(void **state);

const char *loading_conninfo(void);

/* How many messages there are of which this is true. */
int64_t loading_count(const char *condition);

/* The message of a number, between Ann and Bob; its text is valid until the next call. */
dlg_message_input loading_message(int64_t number);

/* Loads every `step`-th message from `from` to before `to`, and flushes. */
void loading_load(dlg_loader *loader, int64_t from, int64_t to, int64_t step);

/* The messages of 0 to `total` - 1 are there, once, as they went, and no others. */
void loading_check(int64_t total);

dlg_progress loading_progress(const dlg_loader *loader);

#endif
