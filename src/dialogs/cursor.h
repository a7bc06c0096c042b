/*
 * cursor.h - a place in a dialog, as an opaque text.
 *
 * Order is (create_date, id); ids are unique per recipient, so that two messages of one dialog may agree in both when
 * they go opposite ways: then the direction decides. A writer stamps a message just before it is stored, so a message
 * can become visible after later ones have been read, but only by a bounded time. A cursor near the newest end
 * therefore has a horizon, before which nothing is missing any more, and knows which messages were seen after it:
 * following looks again from the horizon. While there is room the cursor has a name of each; of more it has a sketch.
 */
#ifndef DIALOGS_CURSOR_H
#define DIALOGS_CURSOR_H

#include "dialogs/sketch.h"

#include <dialogs.h>
#include <stdbool.h>

struct position {
    int64_t created_us;
    int64_t id;
    int side; /* 1: the author's uuid is the greater of the two; else 0 */
};

#define POSITION_FIRST ((struct position){INT64_MIN, INT64_MIN, 1})
#define POSITION_LAST ((struct position){INT64_MAX, INT64_MAX, 0})

/* Of more than so many messages after the horizon the oldest are given up; what one comes upon elsewhere may add. */
enum { CURSOR_SEEN = 8192, CURSOR_SEEN_MOST = 2 * CURSOR_SEEN };

struct cursor {
    struct position at;
    struct position horizon;     /* `at`, when nothing can come late */
    uint32_t count;              /* of those seen after it */
    uint64_t seen[SKETCH_CELLS]; /* their names; a sketch of these when there are more */
};

/* How long after its stamp a message may become visible. */
enum { CURSOR_LATE_US = 15 * 1000000 };

int position_compare(struct position a, struct position b);
int position_order(const void *a, const void *b); /* the same for qsort() and bsearch() */

/* The nearest place before, and after. */
struct position position_before(struct position position);
struct position position_after(struct position position);

/* A place without a horizon of its own. */
void cursor_at(struct cursor *cursor, struct position at);

/* Only as much as there is. */
void cursor_copy(struct cursor *to, const struct cursor *from);

/* Whether it has only a sketch of what was seen. */
bool cursor_is_sketch(const struct cursor *cursor);

/*
 * Which of `shown[0..count)`, all that lies between the horizon and the place, was seen: `known` receives it in the
 * same order, `known_count` the number. False when too many were not, or out of memory.
 */
bool cursor_tell(const struct cursor *cursor, const struct position *shown, size_t count, struct position *known,
                 size_t *known_count);

/* What was seen after the horizon is this, and nothing else. */
void cursor_learn(struct cursor *cursor, const struct position *known, size_t count);

/*
 * Moves the cursor on behind `seen[0..count)`, in order: all that was visible after the horizon and not known, up to
 * the last of them or, when `complete`, without end. Remembers those that may have company that comes late, that is,
 * those stamped after `late_from_us`. `known` is what had been seen after the horizon, in order, as far as it was read:
 * of a sketch all of it.
 */
void cursor_advance(struct cursor *cursor, const struct position *known, size_t known_count,
                    const struct position *seen, size_t count, bool complete, int64_t late_from_us);

/*
 * Takes note of one message, not seen before, that was seen by other means: what lies before it is as unknown as it
 * was.
 */
void cursor_add(struct cursor *cursor, struct position seen);

/* Writes at most DLG_CURSOR_SIZE bytes. The text is good for this dialog only; `peer` nil: for the user's feed. */
void cursor_write(const struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, char *text);

/* False: forged, damaged, or of another dialog. */
bool cursor_read(struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, const char *text);

#endif
