#include "dialogs/cursor.h"

#include "base/base64.h"
#include "pg/statement.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* version, number of those seen, at, horizon, their names or the sketch, check */
enum { VERSION = 2, HEADER = 5, POSITION = 17, NAME = SKETCH_BITS / 8, CHECK = 8 };
enum { BODY_MOST = HEADER + 2 * POSITION + NAME * SKETCH_CELLS + CHECK };
enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
_Static_assert(sodium_base64_ENCODED_LEN(BODY_MOST, VARIANT) <= DLG_CURSOR_SIZE, "DLG_CURSOR_SIZE");

int position_compare(struct position a, struct position b)
{
    if (a.created_us != b.created_us)
        return a.created_us < b.created_us ? -1 : 1;
    if (a.id != b.id)
        return a.id < b.id ? -1 : 1;
    return a.side - b.side;
}

int position_order(const void *a, const void *b)
{
    return position_compare(*(const struct position *)a, *(const struct position *)b);
}

struct position position_before(struct position position)
{
    if (position.side == 0 && position.id > INT64_MIN)
        position.id--;
    position.side = !position.side;
    return position;
}

struct position position_after(struct position position)
{
    if (position.side == 1 && position.id < INT64_MAX)
        position.id++;
    position.side = !position.side;
    return position;
}

/* ---- What was seen ---- */

/* The finaliser of splitmix64: makes of any bits such as are all alike. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static uint64_t name_of(struct position position)
{
    uint64_t bits = mix((uint64_t)position.id) + 2 * (uint64_t)position.created_us + (uint64_t)position.side;
    uint64_t name = mix(bits) >> (64 - SKETCH_BITS);
    return name ? name : 1;
}

bool cursor_is_sketch(const struct cursor *cursor)
{
    return cursor->count > SKETCH_CELLS;
}

/* How much of `seen` is in use. */
static size_t cells_used(const struct cursor *cursor)
{
    return cursor_is_sketch(cursor) ? SKETCH_CELLS : cursor->count;
}

void cursor_at(struct cursor *cursor, struct position at)
{
    cursor->at = cursor->horizon = at;
    cursor->count = 0;
}

void cursor_copy(struct cursor *to, const struct cursor *from)
{
    memcpy(to, from, offsetof(struct cursor, seen) + cells_used(from) * sizeof *from->seen);
}

/* Where among the names one is; their number when it is not. */
static size_t name_find(const uint64_t *names, size_t count, uint64_t name)
{
    size_t i = 0;
    while (i < count && names[i] != name)
        i++;
    return i;
}

static void sketch_make(struct cursor *cursor)
{
    uint64_t names[SKETCH_CELLS];
    memcpy(names, cursor->seen, sizeof names);
    memset(cursor->seen, 0, sizeof cursor->seen);
    for (size_t i = 0; i < SKETCH_CELLS; i++)
        sketch_toggle(cursor->seen, names[i]);
}

static void name_add(struct cursor *cursor, uint64_t name)
{
    if (cursor->count < SKETCH_CELLS) {
        if (name_find(cursor->seen, cursor->count, name) == cursor->count)
            cursor->seen[cursor->count++] = name;
        return;
    }
    if (cursor->count == SKETCH_CELLS)
        sketch_make(cursor);
    sketch_toggle(cursor->seen, name);
    cursor->count++;
}

void cursor_learn(struct cursor *cursor, const struct position *known, size_t count)
{
    cursor->count = 0;
    for (size_t i = 0; i < count; i++)
        if (position_compare(known[i], cursor->horizon) > 0)
            name_add(cursor, name_of(known[i]));
}

/* The names of those shown that the sketch does not have. */
static bool sketch_tell(const struct cursor *cursor, const struct position *shown, size_t count, uint64_t *unseen,
                        size_t *unseen_count)
{
    uint64_t cells[SKETCH_CELLS];
    uint64_t *names = malloc((count + 1) * sizeof *names);
    if (!names)
        return false;
    memcpy(cells, cursor->seen, sizeof cells);
    for (size_t i = 0; i < count; i++) {
        names[i] = name_of(shown[i]);
        sketch_toggle(cells, names[i]);
    }
    qsort(names, count, sizeof *names, sketch_compare);
    bool told = sketch_open(cells, names, count, unseen, unseen_count);
    free(names);
    return told;
}

bool cursor_tell(const struct cursor *cursor, const struct position *shown, size_t count, struct position *known,
                 size_t *known_count)
{
    uint64_t unseen[SKETCH_CELLS];
    size_t unseen_count = 0;
    bool sketch = cursor_is_sketch(cursor);
    *known_count = 0;
    if (sketch && !sketch_tell(cursor, shown, count, unseen, &unseen_count))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t name = name_of(shown[i]);
        bool seen = sketch ? name_find(unseen, unseen_count, name) == unseen_count
                           : name_find(cursor->seen, cursor->count, name) < cursor->count;
        if (seen)
            known[(*known_count)++] = shown[i];
    }
    return true;
}

/* ---- Moving on ---- */

/* Everything up to there counts as seen. */
static void horizon_raise(struct cursor *cursor, const struct position *known, size_t count, struct position to)
{
    if (position_compare(to, cursor->horizon) <= 0)
        return;
    cursor->horizon = to;
    if (position_compare(cursor->at, to) <= 0) {
        cursor->count = 0;
        return;
    }
    if (cursor_is_sketch(cursor)) {
        cursor_learn(cursor, known, count);
        return;
    }
    for (size_t i = 0; i < count && position_compare(known[i], to) <= 0; i++) {
        size_t place = name_find(cursor->seen, cursor->count, name_of(known[i]));
        if (place < cursor->count)
            cursor->seen[place] = cursor->seen[--cursor->count];
    }
}

static struct position earlier(struct position a, struct position b)
{
    return position_compare(a, b) < 0 ? a : b;
}

void cursor_advance(struct cursor *cursor, const struct position *known, size_t known_count,
                    const struct position *seen, size_t count, bool complete, int64_t late_from_us)
{
    for (size_t i = 0; i < count; i++)
        if (position_compare(seen[i], cursor->at) > 0)
            cursor->at = seen[i];
    struct position settled = {late_from_us, INT64_MAX, 1};
    struct position end = complete || count == 0 ? cursor->at : seen[count - 1];
    horizon_raise(cursor, known, known_count, earlier(settled, end));
    if (known_count + count > CURSOR_SEEN) {
        size_t excess = known_count + count - CURSOR_SEEN;
        horizon_raise(cursor, known, known_count, earlier(excess <= known_count ? known[excess - 1] : end, end));
    }
    for (size_t i = 0; i < count; i++)
        cursor_add(cursor, seen[i]);
}

void cursor_add(struct cursor *cursor, struct position seen)
{
    if (position_compare(seen, cursor->at) > 0)
        cursor->at = seen;
    if (position_compare(seen, cursor->horizon) <= 0)
        return;
    if (cursor->count == CURSOR_SEEN_MOST)
        cursor_at(cursor, cursor->at);
    else
        name_add(cursor, name_of(seen));
}

/* ---- As a text ---- */

/* The position is no secret: the check keeps a cursor from being used, by mistake, in another dialog. */
static void cursor_check(const uint8_t *body, size_t length, const dlg_uuid *user, const dlg_uuid *peer, uint8_t *check)
{
    bool swap = dlg_uuid_compare(user, peer) > 0;
    uint8_t digest[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    crypto_generichash_update(&state, (const uint8_t *)"dialogs cursor", 14);
    crypto_generichash_update(&state, (swap ? peer : user)->bytes, sizeof user->bytes);
    crypto_generichash_update(&state, (swap ? user : peer)->bytes, sizeof user->bytes);
    crypto_generichash_update(&state, body, length);
    crypto_generichash_final(&state, digest, sizeof digest);
    memcpy(check, digest, CHECK);
}

static uint8_t *position_put(uint8_t *to, struct position position)
{
    put_int64((char *)to, position.created_us);
    put_int64((char *)to + 8, position.id);
    to[16] = (uint8_t)position.side;
    return to + POSITION;
}

static struct position position_get(const uint8_t *from)
{
    return (struct position){get_int64((const char *)from), get_int64((const char *)from + 8), from[16] != 0};
}

static uint8_t *name_put(uint8_t *to, uint64_t name)
{
    for (size_t i = 0; i < NAME; i++)
        to[i] = (uint8_t)(name >> 8 * (NAME - 1 - i));
    return to + NAME;
}

static uint64_t name_get(const uint8_t *from)
{
    uint64_t name = 0;
    for (size_t i = 0; i < NAME; i++)
        name = name << 8 | from[i];
    return name;
}

void cursor_write(const struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, char *text)
{
    uint8_t body[BODY_MOST] = {VERSION};
    put_int32((char *)body + 1, (int32_t)cursor->count);
    uint8_t *to = position_put(body + HEADER, cursor->at);
    to = position_put(to, cursor->horizon);
    for (size_t i = 0; i < cells_used(cursor); i++)
        to = name_put(to, cursor->seen[i]);
    size_t length = (size_t)(to - body);
    cursor_check(body, length, user, peer, to);
    sodium_bin2base64(text, DLG_CURSOR_SIZE, body, length + CHECK, VARIANT);
}

bool cursor_read(struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, const char *text)
{
    uint8_t body[BODY_MOST], check[CHECK];
    size_t length;
    size_t size = strnlen(text, DLG_CURSOR_SIZE);
    if (!base64_decode(VARIANT, text, size, body, sizeof body, &length))
        return false;
    if (length < HEADER + 2 * POSITION + CHECK || body[0] != VERSION)
        return false;
    cursor->count = (uint32_t)get_int32((const char *)body + 1);
    if (cursor->count > CURSOR_SEEN_MOST || length != HEADER + 2 * POSITION + NAME * cells_used(cursor) + CHECK)
        return false;
    cursor_check(body, length - CHECK, user, peer, check);
    if (sodium_memcmp(check, body + length - CHECK, CHECK) != 0)
        return false;
    cursor->at = position_get(body + HEADER);
    cursor->horizon = position_get(body + HEADER + POSITION);
    for (size_t i = 0; i < cells_used(cursor); i++)
        cursor->seen[i] = name_get(body + HEADER + 2 * POSITION + NAME * i);
    return true;
}
