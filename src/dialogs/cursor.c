#include "dialogs/cursor.h"

#include "base/base64.h"
#include "pg/statement.h"

#include <sodium.h>
#include <string.h>

/* version, what follows, number of fingerprints; at, horizon, blurred; fingerprints, check */
enum { VERSION = 3, HEADER = 3, PLACE = 16, FINGERPRINT_BITS = 40, FINGERPRINT = FINGERPRINT_BITS / 8, CHECK = 8 };
enum { BODY_MOST = HEADER + 3 * PLACE + FINGERPRINT * CURSOR_SEEN + CHECK };
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

struct position position_until(int64_t time_us)
{
    return (struct position){time_us, INT64_MAX, 1};
}

/* ---- What was seen ---- */

/* The finaliser of splitmix64: makes of any bits such as are all alike. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static uint64_t fingerprint_of(struct position position)
{
    uint64_t bits = mix((uint64_t)position.id) + 2 * (uint64_t)position.created_us + (uint64_t)position.side;
    return mix(bits) >> (64 - FINGERPRINT_BITS);
}

void cursor_at(struct cursor *cursor, struct position at)
{
    cursor->at = cursor->horizon = cursor->blurred = at;
    cursor->walking = false;
    cursor->count = 0;
}

void cursor_copy(struct cursor *to, const struct cursor *from)
{
    memcpy(to, from, offsetof(struct cursor, seen) + from->count * sizeof *from->seen);
}

/* Where among the fingerprints that of the message is; their number when it is not. */
static size_t seen_find(const struct cursor *cursor, struct position message)
{
    size_t i = 0;
    uint64_t fingerprint = fingerprint_of(message);
    while (i < cursor->count && cursor->seen[i] != fingerprint)
        i++;
    return i;
}

bool cursor_has(const struct cursor *cursor, struct position message)
{
    return position_compare(message, cursor->at) <= 0 && seen_find(cursor, message) < cursor->count;
}

static bool is_blurred(const struct cursor *cursor)
{
    return position_compare(cursor->blurred, cursor->horizon) > 0;
}

bool cursor_cannot_tell(const struct cursor *cursor, struct position message)
{
    return position_compare(message, cursor->horizon) > 0 && position_compare(message, cursor->blurred) <= 0;
}

static struct position earlier(struct position a, struct position b)
{
    return position_compare(a, b) < 0 ? a : b;
}

struct position cursor_resume(const struct cursor *cursor, int64_t settled_us, struct position *until)
{
    *until = POSITION_LAST;
    if (!is_blurred(cursor))
        return cursor->horizon;
    if (cursor->walking || position_compare(position_until(settled_us), cursor->horizon) <= 0)
        return cursor->blurred;
    *until = earlier(position_until(settled_us), cursor->blurred);
    return cursor->horizon;
}

/* ---- Moving on ---- */

/* Forgets those of `messages`, in order, that lie up to there. */
static void seen_drop(struct cursor *cursor, const struct position *messages, size_t count, struct position to)
{
    if (position_compare(cursor->at, to) <= 0)
        cursor->count = 0;
    for (size_t i = 0; i < count && position_compare(messages[i], to) <= 0; i++) {
        size_t place = seen_find(cursor, messages[i]);
        if (place < cursor->count)
            cursor->seen[place] = cursor->seen[--cursor->count];
    }
}

/* Everything up to there counts as seen. */
static void horizon_raise(struct cursor *cursor, const struct position *known, size_t count, struct position to)
{
    if (is_blurred(cursor) || position_compare(to, cursor->horizon) <= 0)
        return;
    cursor->horizon = cursor->blurred = to;
    seen_drop(cursor, known, count, to);
}

bool cursor_add(struct cursor *cursor, struct position seen)
{
    bool counts = position_compare(seen, is_blurred(cursor) ? cursor->blurred : cursor->horizon) > 0 &&
                  seen_find(cursor, seen) == cursor->count;
    if (counts && cursor->count == CURSOR_SEEN)
        return false;
    if (counts)
        cursor->seen[cursor->count++] = fingerprint_of(seen);
    if (position_compare(seen, cursor->at) > 0)
        cursor->at = seen;
    return true;
}

void cursor_advance_again(struct cursor *cursor, struct position to)
{
    cursor->horizon = to;
    if (!is_blurred(cursor))
        cursor->blurred = to;
}

void cursor_learn(struct cursor *cursor, struct position horizon, const struct position *seen, size_t count)
{
    cursor->horizon = cursor->blurred = horizon;
    cursor->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (cursor_add(cursor, seen[i]))
            continue;
        cursor->blurred = cursor->at;
        cursor->count = 0;
    }
}

void cursor_advance(struct cursor *cursor, const struct position *known, size_t known_count,
                    const struct position *seen, size_t count, bool complete, int64_t settled_us)
{
    for (size_t i = 0; i < count; i++)
        if (position_compare(seen[i], cursor->at) > 0)
            cursor->at = seen[i];
    struct position end = complete ? cursor->at : count ? seen[count - 1] : cursor->horizon;
    horizon_raise(cursor, known, known_count, earlier(position_until(settled_us), end));
    for (size_t i = 0; i < count; i++) {
        if (cursor_add(cursor, seen[i]))
            continue;
        cursor->blurred = end; /* all that is visible up to there has been shown */
        seen_drop(cursor, known, known_count, end);
        seen_drop(cursor, seen, count, end);
    }
    cursor->walking = !complete;
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

/* What follows the header: the sides of the places, and which of them are there and what they are. */
enum {
    AT_SIDE = 1,
    HORIZON = 2,      /* differs from `at` */
    HORIZON_TIME = 4, /* is the last place of a time: without an id */
    HORIZON_SIDE = 8,
    BLURRED = 16, /* differs from the horizon */
    BLURRED_SIDE = 32,
    WALKING = 64
};

static int flags_of(const struct cursor *cursor)
{
    int flags = cursor->walking ? WALKING : 0;
    bool time = position_compare(cursor->horizon, position_until(cursor->horizon.created_us)) == 0;
    flags |= cursor->at.side ? AT_SIDE : 0;
    if (position_compare(cursor->horizon, cursor->at) != 0)
        flags |= HORIZON | (time ? HORIZON_TIME : 0) | (cursor->horizon.side ? HORIZON_SIDE : 0);
    if (is_blurred(cursor))
        flags |= BLURRED | (cursor->blurred.side ? BLURRED_SIDE : 0);
    return flags;
}

static size_t body_length(int flags, size_t count)
{
    size_t horizon = !(flags & HORIZON) ? 0 : flags & HORIZON_TIME ? PLACE / 2 : PLACE;
    return HEADER + PLACE + horizon + (flags & BLURRED ? PLACE : 0) + FINGERPRINT * count;
}

static uint8_t *place_put(uint8_t *to, struct position position, bool time)
{
    put_int64((char *)to, position.created_us);
    if (!time)
        put_int64((char *)to + PLACE / 2, position.id);
    return to + (time ? PLACE / 2 : PLACE);
}

static const uint8_t *place_get(const uint8_t *from, struct position *position, bool time, bool side)
{
    *position = position_until(get_int64((const char *)from));
    if (!time)
        *position = (struct position){position->created_us, get_int64((const char *)from + PLACE / 2), side};
    return from + (time ? PLACE / 2 : PLACE);
}

static uint8_t *fingerprint_put(uint8_t *to, uint64_t fingerprint)
{
    for (size_t i = 0; i < FINGERPRINT; i++)
        to[i] = (uint8_t)(fingerprint >> 8 * (FINGERPRINT - 1 - i));
    return to + FINGERPRINT;
}

static uint64_t fingerprint_get(const uint8_t *from)
{
    uint64_t fingerprint = 0;
    for (size_t i = 0; i < FINGERPRINT; i++)
        fingerprint = fingerprint << 8 | from[i];
    return fingerprint;
}

void cursor_write(const struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, char *text)
{
    int flags = flags_of(cursor);
    uint8_t body[BODY_MOST] = {VERSION, (uint8_t)flags, (uint8_t)cursor->count};
    uint8_t *to = place_put(body + HEADER, cursor->at, false);
    if (flags & HORIZON)
        to = place_put(to, cursor->horizon, flags & HORIZON_TIME);
    if (flags & BLURRED)
        to = place_put(to, cursor->blurred, false);
    for (size_t i = 0; i < cursor->count; i++)
        to = fingerprint_put(to, cursor->seen[i]);
    size_t length = (size_t)(to - body);
    cursor_check(body, length, user, peer, to);
    sodium_bin2base64(text, DLG_CURSOR_SIZE, body, length + CHECK, VARIANT);
}

static void cursor_unpack(struct cursor *cursor, const uint8_t *body)
{
    int flags = body[1];
    const uint8_t *from = place_get(body + HEADER, &cursor->at, false, flags & AT_SIDE);
    cursor->horizon = cursor->at;
    if (flags & HORIZON)
        from = place_get(from, &cursor->horizon, flags & HORIZON_TIME, flags & HORIZON_SIDE);
    cursor->blurred = cursor->horizon;
    if (flags & BLURRED)
        from = place_get(from, &cursor->blurred, false, flags & BLURRED_SIDE);
    cursor->walking = flags & WALKING;
    cursor->count = body[2];
    for (size_t i = 0; i < cursor->count; i++)
        cursor->seen[i] = fingerprint_get(from + FINGERPRINT * i);
}

bool cursor_read(struct cursor *cursor, const dlg_uuid *user, const dlg_uuid *peer, const char *text)
{
    uint8_t body[BODY_MOST], check[CHECK];
    size_t length;
    size_t size = strnlen(text, DLG_CURSOR_SIZE);
    if (!base64_decode(VARIANT, text, size, body, sizeof body, &length))
        return false;
    if (length < HEADER + PLACE + CHECK || body[0] != VERSION || body[2] > CURSOR_SEEN)
        return false;
    if (length != body_length(body[1], body[2]) + CHECK)
        return false;
    cursor_check(body, length - CHECK, user, peer, check);
    if (sodium_memcmp(check, body + length - CHECK, CHECK) != 0)
        return false;
    cursor_unpack(cursor, body);
    return flags_of(cursor) == body[1]; /* one text for each cursor */
}
