#include "cursor.h"

#include "base64.h"
#include "statement.h"

#include <sodium.h>
#include <string.h>

/* version, number of marks, at, horizon, marks, check */
enum { VERSION = 1, HEADER = 2, POSITION = 16, MARK = 6, CHECK = 8 };
enum { BODY_MOST = HEADER + 2 * POSITION + MARK * CURSOR_MARKS + CHECK };
enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
_Static_assert(sodium_base64_ENCODED_LEN(BODY_MOST, VARIANT) <= DLG_CURSOR_SIZE, "DLG_CURSOR_SIZE");

int position_compare(struct position a, struct position b)
{
    if (a.created_us != b.created_us)
        return a.created_us < b.created_us ? -1 : 1;
    return a.id < b.id ? -1 : a.id > b.id;
}

void cursor_at(struct cursor *cursor, struct position at)
{
    cursor->at = cursor->horizon = at;
    cursor->mark_count = 0;
}

/* The low bits of an id are time and chance: different enough among the few of one horizon. */
static uint32_t mark_of(int64_t id)
{
    return (uint32_t)((uint64_t)id ^ (uint64_t)id >> 32);
}

bool cursor_has_seen(const struct cursor *cursor, int64_t id)
{
    for (size_t i = 0; i < cursor->mark_count; i++)
        if (cursor->marks[i].id == mark_of(id))
            return true;
    return false;
}

/* Everything up to `created_us` counts as seen. */
static void horizon_raise(struct cursor *cursor, int64_t created_us)
{
    struct position horizon = {created_us, INT64_MAX};
    if (position_compare(cursor->horizon, horizon) < 0)
        cursor->horizon = horizon;
    while (cursor->mark_count && cursor->marks[cursor->mark_count - 1].created_us <= created_us)
        cursor->mark_count--;
}

static void mark_insert(struct cursor *cursor, struct position seen)
{
    if (cursor->mark_count == CURSOR_MARKS)
        horizon_raise(cursor, cursor->marks[CURSOR_MARKS - 1].created_us);
    if (position_compare(seen, cursor->horizon) <= 0)
        return;
    size_t place = cursor->mark_count++;
    for (; place > 0 && cursor->marks[place - 1].created_us < seen.created_us; place--)
        cursor->marks[place] = cursor->marks[place - 1];
    cursor->marks[place] = (struct mark){mark_of(seen.id), seen.created_us};
}

void cursor_advance(struct cursor *cursor, const struct position *seen, size_t count, int64_t late_from_us)
{
    for (size_t i = 0; i < count; i++)
        if (position_compare(seen[i], cursor->at) > 0)
            cursor->at = seen[i];
    if (cursor->at.created_us <= late_from_us) {
        cursor_at(cursor, cursor->at);
        return;
    }
    horizon_raise(cursor, late_from_us);
    for (size_t i = 0; i < count; i++)
        mark_insert(cursor, seen[i]);
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
    return to + POSITION;
}

static struct position position_get(const uint8_t *from)
{
    return (struct position){get_int64((const char *)from), get_int64((const char *)from + 8)};
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
    if (length < HEADER + 2 * POSITION + CHECK || body[0] != VERSION || body[1] > CURSOR_MARKS ||
        length != HEADER + 2 * POSITION + MARK * (size_t)body[1] + CHECK)
        return false;
    cursor_check(body, length - CHECK, user, peer, check);
    if (sodium_memcmp(check, body + length - CHECK, CHECK) != 0)
        return false;
    cursor->at = position_get(body + HEADER);
    cursor->horizon = position_get(body + HEADER + POSITION);
    cursor->mark_count = body[1];
    for (size_t i = 0; i < cursor->mark_count; i++)
        cursor->marks[i] = mark_get(body + HEADER + 2 * POSITION + MARK * i, cursor->at.created_us);
    return true;
}
