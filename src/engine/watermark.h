/*
 * watermark.h - up to which time all that was stored is visible. I/O thread only.
 *
 * A writer stamps a row while it holds a lock on the table, and lets the lock go after its commit has become visible.
 * So a row that was stamped before some moment, and is not visible, belongs to a writer that held the lock at that
 * moment. Each round asks every node for its clock and then for those that hold the lock, or wait for it. When all whom
 * one round found are gone in a later one, everything stamped before the first round's clocks is visible: that is the
 * watermark. No constant and no clock of this machine takes part, however long a commit takes. A node that does not
 * answer, and a writer that does not end, make it stand still. So does a round that has not asked every node with
 * shards, as the first node knows them: this client may hear of a new one late.
 *
 * Rounds run about once a second while somebody reads pages to follow them.
 */
#ifndef DIALOGS_WATERMARK_H
#define DIALOGS_WATERMARK_H

#include "engine/engine.h"

/* One node's part of a round. */
struct watermark_part {
    struct request request; /* embedded, never freed by itself */
    int32_t group;
    bool any_group; /* the first node's: whatever its group is, the answer is its own */
    bool good;
    bool held; /* some of the earlier round's writers are there still */
    int64_t now_us;
    char *writers; /* that it has now */
    char *owners;  /* the groups that have shards, as this node knows them */
};

struct watermark {
    int64_t time_us;    /* everything stamped before it is visible; 0: not known */
    int64_t clocks_us;  /* the least clock of the last round that asked every node; 0: there was none yet */
    int64_t earlier_us; /* an earlier round's clock, while its writers are not all gone; 0: none */
    char *writers;      /* of that round, on all nodes */
    char *groups;       /* the nodes that it asked */
    char *asking;       /* those of the round under way */

    struct watermark_part *parts; /* the round under way, or the last one */
    size_t count;
    size_t awaited;

    /* Monotonic: */
    int64_t next_us;         /* when the next round begins */
    int64_t begun_us;        /* when this round began */
    int64_t wanted_since_us; /* when somebody first asked, after a while without */
    int64_t wanted_until_us; /* nobody asked for longer */
    int64_t moved_us;        /* when it was last found */
    int64_t patience_us;     /* those that wait go on then; INT64_MAX: nobody waits */
    bool stuck;              /* it could not be had in time lately: nobody waits for it */
    bool still_told;         /* the log has it that it stands still */
    bool skew_told;          /* the log has it that the nodes' clocks differ */
    struct resumed_list waiting;
};

/* Before the I/O thread runs; false: out of memory. */
bool watermark_open(struct engine *engine);

/* After it: lets all go that wait. */
void watermark_close(struct engine *engine);

/*
 * Somebody follows. When what is known is old, and a new one may be had soon, the request waits for it, and its step
 * runs then: true.
 */
bool watermark_await(struct engine *engine, struct request *request);

/* Everything stamped up to this time is visible to whoever asks the database from now on; INT64_MIN: not known. */
int64_t watermark_settled_us(const struct engine *engine);

/* Nothing will be stamped before it from now on. Known before the watermark is; INT64_MIN: not known. */
int64_t watermark_clocks_us(const struct engine *engine);

/*
 * Somebody begins to follow. Until the clocks are known the request waits for a moment, and its step runs then, which
 * may wait again: true.
 */
bool watermark_await_clocks(struct engine *engine, struct request *request);

/* Begins a round when it is time. */
void watermark_run(struct engine *engine);

/* When watermark_run() has something to do; INT64_MAX: never. Monotonic. */
int64_t watermark_next(const struct engine *engine);

#endif
