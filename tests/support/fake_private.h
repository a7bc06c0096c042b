/* fake_private.h - the parts of a fake server: its thread, its connections, its answers. */
#ifndef TEST_FAKE_PRIVATE_H
#define TEST_FAKE_PRIVATE_H

#include "fake_cluster.h"
#include "fake_server.h"

#include <pthread.h>
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

/* ---- fake_perform.c: messages ---- */

/* A message of the client; type 0 before the connection is made. */
struct fake_message_in {
    char type;
    struct wire_reader body;
    size_t length; /* with its head */
};

/* Does what the message asks for; writes its answer, for which the rule may have rows. */
void fake_perform(struct fake_link *link, const struct fake_message_in *message, const struct fake_rule *rule,
                  struct wire *to);

/* What of the kinds of messages that make a connection this is: "Startup", "SSLRequest", "GSSENCRequest", "Cancel". */
const char *fake_startup(struct wire_reader body);

/* Reads the last Bind; what it has, `call` points into. Its `sql` is NULL when nobody prepared that. */
void fake_call_read(struct fake_link *link, struct fake_call *call);

/* Ends what a failed message made skip, commits, and says that it is ready. */
void fake_finish(struct fake_link *link, struct wire *to);

bool fake_begins(const char *sql, const char *word);

/* ---- fake_server.c ---- */

enum { FAKE_RULES = 64 };

struct fake {
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t news;  /* an event, or the end of a pause */
    pthread_t thread;
    struct fake_world *world;
    bool owns_world;
    bool stopping;
    bool standby;
    int32_t group;
    int listeners[2];
    int wake;
    char host[64];
    char conninfo[128];
    char conninfo_tcp[128];
    int port;
    struct fake_links links;
    struct fake_rule rules[FAKE_RULES];
    int rule_count;
    size_t piece;
    struct wire trace; /* events, each ended by NUL */
};

int64_t fake_now_us(void);

/* ---- fake_rules.c ---- */

/* Notes an event, and takes the rule that is for it. False: there is none. */
bool fake_event(struct fake *fake, const char *event, const struct fake_call *call, struct fake_rule *rule);

#endif
