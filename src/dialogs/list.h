/*
 * list.h - one page on its way: the questions to the database, and what becomes of the answers.
 *
 * A dialog is two directions, each in one shard: what the user wrote to the peer, in the peer's, and the other way
 * round. In a cluster both are read at once, each from its owner; a single server is asked for both together, and sends
 * only as many rows as the page has. Either way the exact order is made here. The messages point into libpq's results.
 *
 * A feed is all dialogs of a user at once. It has two directions too: what the user wrote to others, which is in all
 * shards, and what others wrote, in the user's own. Its `peer` is nil.
 *
 * Who follows reads again what the cursor has seen after its horizon, and drops it.
 *
 * Who begins to follow a feed at its newest page is not shown what was there before it, but what comes late between
 * that: a second step asks for the positions of what is there, which become part of the page's cursor.
 */
#ifndef DIALOGS_LIST_H
#define DIALOGS_LIST_H

#include "dialogs/page.h"
#include "engine/request.h"

struct list {
    struct request request;
    dlg_uuid user;
    dlg_uuid peer;
    int64_t timeout_us; /* as the caller gave it */
    int32_t limit;
    bool backwards;
    bool feed;               /* of all dialogs */
    bool bounded;            /* a text may be NULL: it is beyond the bytes of a page */
    bool retried;            /* a page that was nothing but what the cursor knows was read again */
    bool starved;            /* the page is such a one */
    bool misfit;             /* an answer had a NULL where none may be */
    bool together;           /* both directions are in the answer of the first query */
    int sides[2];            /* of the directions, as message_position() has it */
    int64_t clocks_until_us; /* monotonic: it waits for the nodes' clocks no longer */
    int64_t settled_us;      /* the watermark, before the queries were sent */
    struct position until;   /* ... and ends there, when it shows again what is blurred */
    struct position begin;   /* the page is behind it, or before */
    int64_t rows;            /* asked for, of each direction */
    struct position *known;  /* what the cursor has seen of what was read, in order */
    size_t known_count;
    dlg_page *page;
    struct cursor from; /* large, so last: it is not zeroed */
};

/* ---- Directions ---- */

/* Answers about positions have the first three only; of a feed the last is the author. */
enum { COLUMN_ID, COLUMN_TEXT, COLUMN_CREATED, COLUMN_UPDATED, COLUMN_MINE };
enum { COLUMN_AUTHOR = COLUMN_MINE, COLUMN_RECIPIENT };

/* The answer that has the direction, maybe among other things. */
static inline const struct query *direction_source(const struct list *list, int direction)
{
    return &list->request.queries[list->together ? 0 : direction];
}

static inline int direction_rows(const struct list *list, int direction)
{
    return query_rows(direction_source(list, direction));
}

/* Whether a row is of this direction. */
static inline bool direction_has(const struct list *list, int direction, int row)
{
    return !list->together || query_bool(&list->request.queries[0], row, COLUMN_MINE) == (direction == 0);
}

/* Where its message stands. */
struct position direction_position(const struct list *list, int direction, int row);

/* The place in the direction at `side`, exclusive, that stands for `from`: for reading on, or in the page's direction.
 */
struct position direction_after(struct position from, int side);
struct position direction_from(const struct list *list, struct position from, int side);

#endif
