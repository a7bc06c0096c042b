/* fake_private.h - the parts of a fake server: its thread, its connections, its answers. */
#ifndef TEST_FAKE_PRIVATE_H
#define TEST_FAKE_PRIVATE_H

#include "fake_cluster.h"
#include "fake_server.h"

#include <sys/queue.h>

enum { FAKE_EVENT = 96, FAKE_PARAMETERS = 16, FAKE_PREPARED = 1024 };

/* ---- fake_answers.c: what is known of the library's statements ---- */

struct fake_statement {
    char *name;
    char *sql;
};

/* A statement to be run, with its parameters in binary. */
struct fake_call {
    struct fake *fake;
    int64_t owner; /* the connection, unique among all fakes */
    const char *name;
    const char *sql;
    bool binary; /* so the answer is wanted */
    int count;
    const char *values[FAKE_PARAMETERS];
    int lengths[FAKE_PARAMETERS]; /* -1: NULL */
};

/* What events call it. */
void fake_name(const struct fake_call *call, char *name, size_t size);

/* Runs it. The answer's columns, "" when it has none; its rows; its command tag. */
void fake_answer(const struct fake_call *call, char types[FAKE_PARAMETERS], struct wire *rows, char tag[32]);

/* ---- fake_link.c: one connection ---- */

struct fake_link {
    TAILQ_ENTRY(fake_link) link;
    struct fake *fake;
    int64_t owner;
    int fd;
    bool greeted;     /* the Startup has come */
    bool failed;      /* skips messages until Sync */
    bool closing;     /* when `out` is sent */
    bool hung;        /* says and does nothing any more */
    bool announced;   /* the Connect has been an event */
    char transaction; /* as ReadyForQuery has it */
    struct wire in;
    struct wire answers; /* until Sync or Flush, as a server buffers them */
    struct wire swapped; /* to come after the next answer */
    struct wire out;
    struct fake_statement prepared[FAKE_PREPARED];
    int prepared_count;
    struct wire portal;      /* the body of the last Bind */
    struct fake_rule paused; /* the rule at the event that waits */
    bool waits;
    int64_t resume_us; /* INT64_MAX: until released */
};

TAILQ_HEAD(fake_links, fake_link);

struct fake_link *fake_link_new(struct fake *fake, int fd);
void fake_link_free(struct fake_link *link);

/* Handles what has come, as far as nothing waits. */
void fake_link_run(struct fake_link *link);

/* ---- fake_server.c, for the others ---- */

int32_t fake_group(const struct fake *fake);
bool fake_standby(const struct fake *fake);
int64_t fake_now_us(void);

/* Notes an event, and takes the rule that is for it. False: there is none. */
bool fake_event(struct fake *fake, const char *event, const struct fake_call *call, struct fake_rule *rule);

#endif
