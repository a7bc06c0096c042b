/* fixture.h - what the tests of the library share: a server, a client of it, and an SQL session beside it. */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include "check.h"
#include "server.h"

#include <dialogs.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <sys/types.h>

enum { LATE_MOST = 6 };

struct fixture {
    struct test_server *server;
    dlg_client *client;
    PGconn *sql;             /* as a superuser */
    PGconn *late[LATE_MOST]; /* with a transaction under way, or NULL */
};

/* Setup and teardown of a group; the state becomes a struct fixture. */
int fixture_open(void **state);
int fixture_close(void **state);

/* The same without a client, with another server. */
int fixture_open_with(void **state, const struct test_server_options *options);

/* The same with the tables, which a client has made that is closed again. */
int fixture_install(void **state);

/* Empties the database. How to connect to it as a superuser. */
const char *fixture_empty(struct fixture *fixture);

/* The call failed with this code, and says why. Frees the error. */
#define assert_fails(call, expected, error)                                                                \
    do {                                                                                                   \
        int check_code = (call);                                                                           \
        if (check_code != (expected) || dlg_error_code(error) != (expected) || !*dlg_error_message(error)) \
            fail_msg("%s: %s: %s", #call, dlg_code_name(check_code), dlg_error_message(error));            \
        dlg_error_free(error);                                                                             \
        (error) = NULL;                                                                                    \
    } while (0)

/* ---- Clients -------------------------------------------------------------------------------- */

/* `settings`: "name=value name=value", added to what all tests use. */
int client_try(dlg_client **client, const char *conninfo, const char *settings, dlg_error **error);
dlg_client *client_open(const char *conninfo, const char *settings); /* fails the test when it cannot */
void client_close(dlg_client *client);                               /* fails the test when something was undelivered */

dlg_stats client_stats(dlg_client *client);

/* ---- Users and messages --------------------------------------------------------------------- */

struct pair {
    dlg_uuid ann;
    dlg_uuid ben;
};
struct pair pair_new(void); /* two random users */

/* Sends, and fails the test when it cannot. */
dlg_receipt send_text(dlg_client *client, const dlg_uuid *author, const dlg_uuid *recipient, const char *text);

/* The newest messages of the dialog. */
dlg_page *list_newest(dlg_client *client, const struct pair *pair, int32_t limit);

void assert_text(const dlg_message *message, const char *text);

/* ---- SQL ------------------------------------------------------------------------------------ */

PGconn *sql_connect(const char *conninfo);

/* Each fails the test when the SQL fails. */
void sql_run(PGconn *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t sql_number(PGconn *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Static, until the next call of it. */
const char *sql_text(PGconn *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the tables, indexes and constraints look like; static, until the next call of sql_text(). */
const char *sql_shape(PGconn *sql);

/* Runs SQL in a transaction of its own, which is under way until late_commit(). A slot has one at a time. */
void late_begin(struct fixture *fixture, int slot, const char *format, ...) __attribute__((format(printf, 3, 4)));
void late_commit(struct fixture *fixture, int slot);
void late_commit_all(struct fixture *fixture);

/* Sends wait while the table is locked, lists do not. `fixture->sql` is in a transaction until then. */
void lock_table(struct fixture *fixture);
void unlock_table(struct fixture *fixture);

/* Until somebody waits at the server for a lock; until the server has nothing left to do for clients. */
void wait_for_lock(struct fixture *fixture);
void wait_until_idle(struct fixture *fixture);

/* One of four static texts, for use in SQL. */
const char *uuid_text(const dlg_uuid *uuid);

/* ---- Time and processes --------------------------------------------------------------------- */

/* What asynchronous calls came to; tally_note() is their callback. */
struct tally {
    _Atomic int replies, stored;
};
void tally_note(dlg_reply *reply, void *payload);

void pause_ms(int milliseconds);
int64_t now_us(void); /* monotonic */

/* Runs this test program again with other arguments; `output` is what it prints, to be closed. */
pid_t self_start(const char *const *arguments, int *output);

/* Its exit code, or -1. */
int self_wait(pid_t pid);

#endif
