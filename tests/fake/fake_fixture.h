/* fake_fixture.h - what the tests on fake servers share: a plain fake server and a client of it, or a cluster. */
#ifndef TEST_FAKE_FIXTURE_H
#define TEST_FAKE_FIXTURE_H

#include "fake_cluster.h"
#include "fixture.h"

/* Of clients of fake servers: one connection of each kind, no tables, short pauses. */
#define FAKE_SETTINGS "schema=none read_connections=1 write_connections=1 backoff_min_ms=1 backoff_max_ms=20"

/* cmocka's setup and teardown: the state becomes a plain fake server. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* A client of it, with more settings; what it did to connect is forgotten. */
dlg_client *fake_client(struct fake *fake, const char *settings);

/* The same of a cluster, once it is connected to all nodes. */
dlg_client *fake_cluster_client(struct fake_cluster *cluster, const char *settings);

/* Sends one text from a random user to a random one, blocking. */
int try_send(dlg_client *client, const char *text, int64_t timeout_us, dlg_error **error);

/*
 * The same, but so that the deadline passes in the pause between two attempts: on a slow machine it may pass during
 * one, which has an outcome of its own. What the fake counts is of the last call.
 */
int try_send_until_pause(struct fake *fake, dlg_client *client, const char *text, int64_t timeout_us,
                         dlg_error **error);

/* What asynchronous sends came to. */
struct outcome {
    _Atomic int *done;
    int code;
    int64_t id;
    dlg_fate fate;
    char sqlstate[6];
    char text[256];
};

enum { OUTCOMES = 64 };

/* All zero there is none. */
struct outcomes {
    _Atomic int done;
    int count;
    struct outcome outcome[OUTCOMES];
};

/* Begins a send from a random user; the outcome is the next one. */
void outcomes_send(dlg_client *client, struct outcomes *outcomes, const dlg_uuid *recipient, const char *text,
                   int64_t timeout_us);
void outcomes_send_from(dlg_client *client, struct outcomes *outcomes, const dlg_uuid *author,
                        const dlg_uuid *recipient, const char *text, int64_t timeout_us);

/* Waits until all are there. */
void outcomes_await(struct outcomes *outcomes);

/* The call failed with this code, fate and SQLSTATE, and the text contains the reason. Frees the error. */
#define assert_refused(call, expected, expected_fate, expected_state, reason, error)                                  \
    do {                                                                                                              \
        int check_code = (call);                                                                                      \
        if (check_code != (expected) || dlg_error_code(error) != (expected) ||                                        \
            dlg_error_fate(error) != (expected_fate) || strcmp(dlg_error_sqlstate(error), expected_state) != 0 ||     \
            !strstr(dlg_error_message(error), reason))                                                                \
            fail_msg("%s: %s, fate %d, SQLSTATE \"%s\": %s", #call, dlg_code_name(check_code), dlg_error_fate(error), \
                     dlg_error_sqlstate(error), dlg_error_message(error));                                            \
        dlg_error_free(error);                                                                                        \
        (error) = NULL;                                                                                               \
    } while (0)

#endif
