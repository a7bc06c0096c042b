/*
 * load.h - writers and readers that never stop while something happens to a cluster, and the count afterwards: every
 * acknowledged message is there once, in order.
 */
#ifndef TEST_LOAD_H
#define TEST_LOAD_H

#include <dialogs.h>
#include <stdbool.h>
#include <stdint.h>

struct load;

/* What happened, so far or in all. */
struct load_result {
    uint64_t sent;    /* acknowledged */
    uint64_t listed;  /* pages */
    uint64_t failed;  /* requests with an error */
    uint64_t unseen;  /* messages that a reader missed after they were acknowledged, or saw out of order */
    int64_t pause_us; /* the longest that a writer waited for one message */
    char error[256];  /* the first error, or wrong page */
};

/* Starts threads on a client: writers to many recipients, and readers of what was written. */
struct load *load_start(dlg_client *client, int writers, int readers);

void load_look(struct load *load, struct load_result *result);

/* Ends the threads. */
void load_stop(struct load *load, struct load_result *result);

/*
 * Reads every dialog back through the client: each acknowledged message is there once and in order, and nothing is
 * there that was not sent. Returns how many messages are wrong.
 */
uint64_t load_count_wrong(struct load *load, dlg_client *client);

/* Ends the threads, and fails the test when a request failed, or a page or a message is wrong. */
void load_judge(struct load *load, dlg_client *client, struct load_result *result);

void load_free(struct load *load);

/*
 * The end of a test: load_judge(), and prints how it went. Frees the load and closes the client.
 */
void load_finish(struct load *load, dlg_client *client, const char *what);

#endif
