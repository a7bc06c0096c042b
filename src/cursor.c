#include "cursor.h"

#include "base64.h"
#include "statement.h"

#include <sodium.h>
#include <string.h>

/* version, number of marks, at, horizon, marks, check */
enum { VERSION = 1, HEADER = 2, POSITION = 17, MARK = 6, CHECK = 8 };
enum { BODY_MOST = HEADER + 2 * POSITION + MARK * CURSOR_FEED_MARKS + CHECK };
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

void cursor_at(struct cursor *cursor, struct position at)
{
    cursor->at = cursor->horizon = at;
    cursor->mark_count = 0;
}

void cursor_copy(struct cursor *to, const struct cursor *from)
{
    memcpy(to, from, offsetof(struct cursor, marks) + from->mark_count * sizeof *from->marks);
}

/* The low bits of an id are time and chance: different enough among the few of one horizon. */
static uint32_t mark_of(struct position position)
{
    uint64_t id = (uint64_t)position.id;
    return (uint32_t)(id ^ id >> 32) ^ (position.side ? UINT32_C(0x9e3779b9) : 0);
}

bool cursor_has_seen(const struct cursor *cursor, struct position position)
{
    for (size_t i = 0; i < cursor->mark_count; i++)
        if (cursor->marks[i].id == mark_of(position))
            return true;
    return false;
}

/* Whether it is certain that the marked message is not after the horizon. */
static bool is_passed(const struct cursor *cursor, const struct mark *mark)
{
    struct position latest = {mark->created_us, INT64_MAX, 1};
    return position_compare(latest, cursor->horizon) <= 0 || position_compare(cursor->at, cursor->horizon) <= 0;
}

/* Everything up to there counts as seen. */
static void horizon_raise(struct cursor *cursor, struct position to)
{
    if (position_compare(to, cursor->horizon) <= 0)
        return;
    cursor->horizon = to;
    size_t kept = 0;
    for (size_t i = 0; i < cursor->mark_count; i++)
        if (!is_passed(cursor, &cursor->marks[i]))
            cursor->marks[kept++] = cursor->marks[i];
    cursor->mark_count = (uint8_t)kept;
}

void cursor_advance(struct cursor *cursor, const struct position *seen, size_t count, bool complete,
                    int64_t late_from_us, size_t most)
{
    for (size_t i = 0; i < count; i++)
        if (position_compare(seen[i], cursor->at) > 0)
            cursor->at = seen[i];
    struct position settled = {late_from_us, INT64_MAX, 1};
    struct position end = complete || count == 0 ? cursor->at : seen[count - 1];
    horizon_raise(cursor, position_compare(settled, end) < 0 ? settled : end);
    size_t next = 0;
    while (next < count && position_compare(seen[next], cursor->horizon) <= 0)
        next++;
    while (cursor->mark_count + count - next > most)
        horizon_raise(cursor, seen[next++]);
    for (; next < count; next++)
        cursor->marks[cursor->mark_count++] = (struct mark){mark_of(seen[next]), seen[next].created_us};
}

/* The oldest mark, which is where the horizon goes when there is no room for another. */
static struct position oldest_mark(const struct cursor *cursor)
{
    int64_t oldest_us = INT64_MAX;
    for (size_t i = 0; i < cursor->mark_count; i++)
        if (cursor->marks[i].created_us < oldest_us)
            oldest_us = cursor->marks[i].created_us;
    return (struct position){oldest_us, INT64_MAX, 1};
}

void cursor_mark(struct cursor *cursor, struct position seen, size_t most)
{
    if (position_compare(seen, cursor->at) > 0)
        cursor->at = seen;
    if (position_compare(seen, cursor->horizon) <= 0)
        return;
    while (cursor->mark_count >= most)
        horizon_raise(cursor, oldest_mark(cursor));
    cursor->marks[cursor->mark_count++] = (struct mark){mark_of(seen), seen.created_us};
}

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

/* The time is kept as an age in whole milliseconds before the cursor's own, at most a minute. */
static uint8_t *mark_put(uint8_t *to, const struct mark *mark, int64_t at_us)
{
    int64_t age = (at_us - mark->created_us) / 1000;
    age = age < 0 ? 0 : age > UINT16_MAX ? UINT16_MAX : age;
    put_int32((char *)to, (int32_t)mark->id);
    to[4] = (uint8_t)(age >> 8);
    to[5] = (uint8_t)age;
    return to + MARK;
}

static struct mark mark_get(const uint8_t *from, int64_t at_us)
{
    int64_t age = from[4] << 8 | from[5];
    return (struct mark){(uint32_t)get_int32((const char *)from), at_us - age * 1000};
}

void cursor_write(const struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, char *text)
{
    uint8_t body[BODY_MOST] = {VERSION, cursor->mark_count};
    uint8_t *to = position_put(body + HEADER, cursor->at);
    to = position_put(to, cursor->horizon);
    for (size_t i = 0; i < cursor->mark_count; i++)
        to = mark_put(to, &cursor->marks[i], cursor->at.created_us);
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
    if (length < HEADER + 2 * POSITION + CHECK || body[0] != VERSION || body[1] > CURSOR_FEED_MARKS ||
        length != HEADER + 2 * POSITION + MARK * (size_t)body[1] + CHECK)
        return false;
    cursor_check(body, length - CHECK, user, peer, check);
    if (sodium_memcmp(check, body + length - CHECK, CHECK) != 0)
        return false;
    cursor->at = position_get(body + HEADER);
    cursor->horizon = position_get(body + HEADER + POSITION);
    cursor->mark_count = 0;
    for (size_t i = 0; i < body[1]; i++) {
        struct mark mark = mark_get(body + HEADER + 2 * POSITION + MARK * i, cursor->at.created_us);
        if (!is_passed(cursor, &mark))
            cursor->marks[cursor->mark_count++] = mark;
    }
    return true;
}
