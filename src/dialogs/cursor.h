/*
 * cursor.h - a place in a dialog, as an opaque text.
 *
 * Order is (create_date, id); ids are unique per recipient, so that two messages of one dialog may agree in both when
 * they go opposite ways: then the direction decides. A message can become visible after later ones have been read. The
 * watermark (engine/watermark.h) tells up to where that is over. A cursor near the newest end has a horizon, before
 * which nothing is missing, and a fingerprint of each message that was seen after it: following reads again from the
 * horizon, and drops what was seen.
 *
 * A cursor has room for CURSOR_SEEN fingerprints. When more were seen it forgets them and remembers up to where they
 * were: it is blurred. Reading goes on from there. Each time that the newest end was reached, the messages between the
 * horizon and the watermark are shown again, so that none is missed, and the horizon moves up to it.
 */
#ifndef DIALOGS_CURSOR_H
#define DIALOGS_CURSOR_H

#include <dialogs.h>
#include <stdbool.h>

struct position {
    int64_t created_us;
    int64_t id;
    int side; /* 1: the author's uuid is the greater of the two; else 0 */
};

#define POSITION_FIRST ((struct position){INT64_MIN, INT64_MIN, 1})
#define POSITION_LAST ((struct position){INT64_MAX, INT64_MAX, 0})

enum { CURSOR_SEEN = 192 };

struct cursor {
    struct position at;         /* behind what was seen last */
    struct position horizon;    /* up to there nothing is missing */
    struct position blurred;    /* up to there what was seen is not told from what was not; else the horizon */
    bool walking;               /* there was more behind it */
    uint32_t count;             /* of fingerprints */
    uint64_t seen[CURSOR_SEEN]; /* of messages behind `blurred` */
};

int position_compare(struct position a, struct position b);
int position_order(const void *a, const void *b); /* the same for qsort() and bsearch() */

/* The nearest place before, and after. */
struct position position_before(struct position position);
struct position position_after(struct position position);

/* The last place of a time. */
struct position position_until(int64_t time_us);

/* A place before which nothing is missing. */
void cursor_at(struct cursor *cursor, struct position at);

/* Only as much as there is. */
void cursor_copy(struct cursor *to, const struct cursor *from);

/*
 * Where the next page begins, when all up to `settled_us` is visible. `until` is where it ends, when it shows again
 * what is blurred; else POSITION_LAST.
 */
struct position cursor_resume(const struct cursor *cursor, int64_t settled_us, struct position *until);

/* Whether the message was seen. */
bool cursor_has(const struct cursor *cursor, struct position message);

/*
 * Moves the cursor on behind `seen[0..count)`, in order: all that was visible behind the place where the page began,
 * and not known, up to the last of them or, when `complete`, without end. `known` is what was read of that and had been
 * seen before, in order. All up to `settled_us` was visible.
 */
void cursor_advance(struct cursor *cursor, const struct position *known, size_t known_count,
                    const struct position *seen, size_t count, bool complete, int64_t settled_us);

/* All up to there was shown again. */
void cursor_advance_again(struct cursor *cursor, struct position to);

/* From the horizon on these were there before, in order, and do not count as missing. */
void cursor_learn(struct cursor *cursor, struct position horizon, const struct position *seen, size_t count);

/* Whether it lies where what was seen is not told from what was not. */
bool cursor_cannot_tell(const struct cursor *cursor, struct position message);

/*
 * Takes note of one message, not seen before, that was seen by other means: what lies before it is as unknown as it
 * was. False: there is no room, and nothing has changed.
 */
bool cursor_add(struct cursor *cursor, struct position seen);

/* Writes at most DLG_CURSOR_SIZE bytes. The text is good for this dialog only; `peer` nil: for the user's feed. */
void cursor_write(const struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, char *text);

/* False: forged, damaged, or of another dialog. */
bool cursor_read(struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, const char *text);

#endif
