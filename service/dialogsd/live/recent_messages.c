#include "live/recent_messages.h"

#include "common/service_clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 32, MOST = 16384, RECENT_US = 30 * 1000000 };
_Static_assert(MOST / 4 * 3 >= RECENT_LEAST, "a set holds three quarters of its room");

void recent_messages_open(struct recent_messages *recent, struct memory_budget *budget, const dlg_uuid *user)
{
    *recent = (struct recent_messages){.memory.budget = budget};
    memory_holding_for(&recent->memory, SHARE_USER, user, sizeof *user);
}

/* Ids are unique per recipient. With the key of this process nobody makes two that share a name. */
static uint64_t name_of(const struct recent_messages *recent, const dlg_message *message)
{
    uint64_t name;
    unsigned char whole[sizeof message->id + sizeof message->recipient];
    memcpy(whole, &message->id, sizeof message->id);
    memcpy(whole + sizeof message->id, &message->recipient, sizeof message->recipient);
    crypto_shorthash((unsigned char *)&name, whole, sizeof whole, recent->memory.budget->key);
    return name ? name : 1;
}

/* ---- A set ---- */

/* Where the name is, or its free place. */
static uint64_t *place_of(const struct recent_set *set, uint64_t name)
{
    size_t i = name & (set->room - 1);
    while (set->names[i] && set->names[i] != name)
        i = (i + 1) & (set->room - 1);
    return &set->names[i];
}

static bool set_has(const struct recent_set *set, uint64_t name)
{
    return set->room && *place_of(set, name) == name;
}

static void set_put(struct recent_set *set, uint64_t name)
{
    *place_of(set, name) = name;
    set->count++;
}

static void set_free(struct recent_set *set, struct memory_holding *memory)
{
    free(set->names);
    memory_give_but(memory, memory->bytes - set->room * sizeof *set->names);
    *set = (struct recent_set){0};
}

static bool set_grow(struct recent_set *set, struct memory_holding *memory)
{
    struct recent_set more = {.room = set->room ? 2 * set->room : FIRST, .until_us = set->until_us};
    if (more.room > MOST || !memory_take(memory, more.room * sizeof *more.names))
        return false;
    more.names = calloc(more.room, sizeof *more.names);
    if (!more.names) {
        set_free(&more, memory);
        return false;
    }
    for (size_t i = 0; i < set->room; i++)
        if (set->names[i])
            set_put(&more, set->names[i]);
    set_free(set, memory);
    *set = more;
    return true;
}

static bool set_has_room(struct recent_set *set, struct memory_holding *memory)
{
    return set->count < set->room / 4 * 3 || set_grow(set, memory);
}

/* ---- Both ---- */

static void sets_rotate(struct recent_messages *recent)
{
    set_free(&recent->older, &recent->memory);
    recent->older = recent->newer;
    recent->newer = (struct recent_set){0};
}

bool recent_messages_add(struct recent_messages *recent, const dlg_message *message)
{
    int64_t now_us = monotonic_us();
    if (recent->newer.room && now_us > recent->newer.until_us)
        sets_rotate(recent);
    if (!set_has_room(&recent->newer, &recent->memory)) {
        sets_rotate(recent);
        if (!set_has_room(&recent->newer, &recent->memory))
            return false;
    }
    if (recent->newer.count == 0)
        recent->newer.until_us = now_us + RECENT_US;
    set_put(&recent->newer, name_of(recent, message));
    return true;
}

bool recent_messages_have(struct recent_messages *recent, const dlg_message *message)
{
    if (recent->newer.room && monotonic_us() > recent->newer.until_us + RECENT_US)
        recent_messages_forget(recent); /* nothing is kept for a stream that has been silent for long */
    uint64_t name = name_of(recent, message);
    return set_has(&recent->newer, name) || set_has(&recent->older, name);
}

void recent_messages_forget(struct recent_messages *recent)
{
    set_free(&recent->newer, &recent->memory);
    set_free(&recent->older, &recent->memory);
}
