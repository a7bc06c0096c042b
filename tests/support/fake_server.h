/*
 * fake_server.h - a server that speaks PostgreSQL's protocol 3 from a thread of the test, and misbehaves on command.
 *
 * A real server answers late, torn, or not at all only by luck. The fake one does it when a rule says so, and notes
 * what the client sent, so that a test can assert what is batched and where each Sync falls. It serves any number of
 * connections. Left alone it behaves: dlg_open() succeeds, messages that are sent are kept and found again by their
 * id, a lost transaction is rolled back, and lists are empty. Several fakes can be one cluster: see fake_cluster.h.
 *
 * What it knows of the library's statements is in fake_answers.c, and there alone. It derives the columns of an answer
 * from the select list of the statement, so that a changed statement mostly needs no change here.
 *
 * Events. Each message of the client is one, named as in the trace:
 *     Connect, SSLRequest, GSSENCRequest, Cancel, Startup, Password    while the connection is made
 *     Parse NAME, Execute NAME, Query NAME, Sync, Flush, Terminate     later
 * NAME is that of the prepared statement; for one without a name, "start" for what sets a session up, else the
 * statement's first word. Bind and Describe are a part of Execute, which libpq always sends along. A batch in one
 * statement has its number of rows behind the name: "Execute dlg_message_insert_rows x3".
 */
#ifndef TEST_FAKE_SERVER_H
#define TEST_FAKE_SERVER_H

#include "fake_wire.h"

struct fake;
struct fake_world;

/* ---- Life ---- */

/* NULL `world`: one of its own, of a plain server. Fails the test when it cannot start. */
struct fake *fake_start(struct fake_world *world, int32_t group);
void fake_stop(struct fake *fake);

/*
 * Where it is. By default a Unix-domain socket with an abstract name, on which the fake knows when the client has read
 * what was sent; the other is TCP on the loopback interface, for what happens there only (SSLRequest, resets).
 */
const char *fake_conninfo(const struct fake *fake);
const char *fake_conninfo_tcp(const struct fake *fake);
const char *fake_host(const struct fake *fake);
int fake_port(const struct fake *fake);

/* What it keeps: fake_cluster.h. */
struct fake_world *fake_world_of(const struct fake *fake);

/* ---- Rows ---- */

/* The rows of an answer, and their columns; all zero there is none, of no columns. */
struct fake_rows {
    char types[16]; /* letters as in fake_wire.h */
    struct wire data;
    int count;
};

/*
 * Adds a row: for each letter of `types` a value: int64_t for l and T, int for i and b, const char * for t,
 * const dlg_uuid * for u, const char * and its int length for x, nothing for n and N. The first row names the columns,
 * unless `rows->types` is set.
 */
void fake_row(struct fake_rows *rows, const char *types, ...);
void fake_rows_free(struct fake_rows *rows);

/* ---- Rules ---- */

enum fake_deed {
    FAKE_ANSWER,       /* as usual, or with `rows` and `text` as the command tag */
    FAKE_ERROR,        /* does nothing but refuse, with `sqlstate` and `text`; a refused Startup ends the connection */
    FAKE_FATAL,        /* the same, and ends the connection */
    FAKE_CLOSE,        /* does nothing but send what was answered before, and close */
    FAKE_RESET,        /* does nothing but close, so that TCP sends a reset; what was answered before is lost */
    FAKE_CUT,          /* does it, sends what was answered before and the first `length` bytes of this answer, closes */
    FAKE_ANSWER_CLOSE, /* does it, answers, and closes */
    FAKE_DROP,         /* does it, and goes on without the answer */
    FAKE_SWAP,         /* does it, and answers after the next answer */
    FAKE_BYTES,        /* does nothing but send `bytes` */
    FAKE_PREPEND,      /* sends `bytes`, then as usual */
    FAKE_HANG          /* never does nor says anything any more on this connection */
};

/* What happens at an event. Pointers must stay good until the rule is gone. */
struct fake_rule {
    const char *on; /* the event, as a pattern of fnmatch(3) */
    enum fake_deed deed;
    const char *having; /* only when a parameter has these characters */
    int skip;           /* lets so many pass first */
    int times;          /* so often; 0: always */
    int delay_ms;       /* before that; what the client sent later waits */
    bool held;          /* the same, until fake_release() */
    const char *sqlstate;
    const char *text;
    const struct fake_rows *rows;
    const void *bytes;
    size_t length;
};

/* Adds a rule; of several that fit, the oldest is used. */
void fake_on(struct fake *fake, struct fake_rule rule);

/* Forgets all rules; connections that hang stay so. */
void fake_behave(struct fake *fake);

/* Lets go what is held now: await the event first. */
void fake_release(struct fake *fake);

/* Sends everything in pieces of so many bytes, each after the client has read the one before; 0: whole. */
void fake_tear(struct fake *fake, size_t bytes);

/* Says that it is a standby to sessions that begin after this. */
void fake_demote(struct fake *fake, bool standby);

/* Sends bytes on every connection, out of turn. */
void fake_say(struct fake *fake, const void *bytes, size_t length);

/* Closes every connection. */
void fake_disconnect(struct fake *fake);

/* ---- What the client did ---- */

/* How many events fit the pattern, since the start or since fake_forget(). */
int fake_count(struct fake *fake, const char *pattern);

/* Waits until so many fit; fails the test after 20 seconds. */
void fake_await(struct fake *fake, const char *pattern, int count);

/* The events of all connections, a line each. To be freed. */
char *fake_trace(struct fake *fake);

/* Forgets the trace. */
void fake_forget(struct fake *fake);

/* The trace is exactly this; shows both when it is not. Forgets it. */
void fake_assert_trace(struct fake *fake, const char *expected);

/* How many connections are open now. */
int fake_connections(struct fake *fake);

#endif
