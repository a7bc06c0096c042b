/* world.h - what most of the HTTP tests stand on: a server, a dialogsd, and three users who are logged in. */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "client.h"
#include "process.h"
#include "server.h"

#include <dialogs.h>

struct person {
    char id[DLG_UUID_TEXT_SIZE];
    char *token;
};

struct world {
    struct test_server *server;
    struct process process;
    struct person anna, boris, clara;
    char keys[128]; /* of `process`, as a setting: another dialogsd with it takes their tokens */
};

/* Of the test program; made by world_setup(). */
extern struct world world;

/* For cmocka_run_group_tests(). */
int world_setup(void **state);
int world_teardown(void **state);

/* A new user, logged in at the dialogsd of `port`. */
void person_make(struct person *person, int port);

/* Sends a text, any bytes that are UTF-8; 200 is expected. The message's id. */
long long person_send(int port, const struct person *from, const struct person *to, const char *text);

/* "/dialog/ID/what", in a buffer of the thread. */
const char *dialog_path(const struct person *peer, const char *what);

/* The whole dialog as JSON. */
json_t *person_list(int port, const struct person *reader, const struct person *peer);

/* What /metrics answers, to be freed. */
char *metrics_text(int port);

/* The value of a sample of it, or -1. */
double metric_value(int port, const char *sample);

#endif
