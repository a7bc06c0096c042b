/*
 * cursor.h - a place in a dialog, as an opaque text.
 *
 * Order is (create_date, id); ids are unique per recipient, so that two messages of one dialog may agree in both when
 * they go opposite ways: then the direction decides. A writer stamps a message just before it is stored, so a message
 * can become visible after later ones have been read, but only by a bounded time. A cursor near the newest end
 * therefore has a horizon, before which nothing is missing any more, and marks of the messages seen after it: following
 * reads again from the horizon and drops what is marked.
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

/* A feed has more company that comes late than one dialog has. */
enum { CURSOR_MARKS = 40, CURSOR_FEED_MARKS = 160 };

struct mark {
    uint32_t id;        /* a part of it */
    int64_t created_us; /* once it has been written and read: up to a millisecond later than it was */
};

struct cursor {
    struct position at;
    struct position horizon; /* `at`, when nothing can come late */
    uint8_t mark_count;
    struct mark marks[CURSOR_FEED_MARKS];
};

/* How long after its stamp a message may become visible. */
enum { CURSOR_LATE_US = 15 * 1000000 };

int position_compare(struct position a, struct position b);

/* The nearest place before, and after. */
struct position position_before(struct position position);
struct position position_after(struct position position);

/* A place without a horizon of its own. */
void cursor_at(struct cursor *cursor, struct position at);

/* Only the marks that there are. */
void cursor_copy(struct cursor *to, const struct cursor *from);

bool cursor_has_seen(const struct cursor *cursor, struct position position);

/*
 * Moves the cursor on behind `seen[0..count)`, in order: all that was visible after the horizon and had no mark, up to
 * the last of them or, when `complete`, without end. Marks those that may have company that comes late, that is, those
 * stamped after `late_from_us`. When there are more than `most`, the horizon follows.
 */
void cursor_advance(struct cursor *cursor, const struct position *seen, size_t count, bool complete,
                    int64_t late_from_us, size_t most);

/* Takes note of one message that was seen by other means: what lies before it is as unknown as it was. */
void cursor_mark(struct cursor *cursor, struct position seen, size_t most);

/* Writes at most DLG_CURSOR_SIZE bytes. The text is good for this dialog only; `peer` nil: for the user's feed. */
void cursor_write(const struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, char *text);

/* False: forged, damaged, or of another dialog. */
bool cursor_read(struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, const char *text);

#endif
