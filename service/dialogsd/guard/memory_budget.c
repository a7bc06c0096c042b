#include "guard/memory_budget.h"

#include <malloc.h>
#include <sodium.h>
#include <string.h>

static const size_t parts[SHARES] = {[SHARE_ADDRESS] = 2, [SHARE_USER] = 8};

void memory_budget_open(struct memory_budget *budget, size_t most)
{
    memset(budget, 0, sizeof *budget);
    budget->most = most;
    randombytes_buf(budget->key, sizeof budget->key);
}

void memory_holding_for(struct memory_holding *holding, enum memory_share share, const void *whose, size_t length)
{
    uint64_t hash = 0;
    crypto_shorthash((unsigned char *)&hash, whose, length, holding->budget->key);
    uint32_t slot = (uint32_t)(hash % MEMORY_SHARES) + 1;
    if (holding->slots[share])
        atomic_fetch_sub(&holding->budget->shares[holding->slots[share] - 1], holding->bytes);
    holding->slots[share] = slot;
    atomic_fetch_add(&holding->budget->shares[slot - 1], holding->bytes);
}

static size_t held_by(const struct memory_holding *holding, int share)
{
    uint32_t slot = holding->slots[share];
    return slot ? atomic_load_explicit(&holding->budget->shares[slot - 1], memory_order_relaxed) : 0;
}

/* What those may hold together who hold little, or who hold much. */
static size_t limit_for(const struct memory_holding *holding, size_t bytes)
{
    enum { LITTLE = 64 * 1024, RESERVE_PART = 8 };
    size_t most = holding->budget->most;
    bool little = bytes <= LITTLE;
    for (int i = 0; i < SHARES; i++)
        little = little && held_by(holding, i) + bytes <= LITTLE;
    return little ? most : most - most / RESERVE_PART;
}

bool memory_has_room(const struct memory_holding *holding, size_t bytes)
{
    const struct memory_budget *budget = holding->budget;
    for (int i = 0; i < SHARES; i++)
        if (held_by(holding, i) + bytes > budget->most / parts[i])
            return false;
    return atomic_load_explicit(&budget->used, memory_order_relaxed) + bytes <= limit_for(holding, bytes);
}

static void shares_move(struct memory_holding *holding, size_t more)
{
    for (int i = 0; i < SHARES; i++)
        if (holding->slots[i])
            atomic_fetch_add_explicit(&holding->budget->shares[holding->slots[i] - 1], more, memory_order_relaxed);
}

static void note_peak(struct memory_budget *budget)
{
    size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    if (used > atomic_load_explicit(&budget->peak, memory_order_relaxed))
        atomic_store_explicit(&budget->peak, used, memory_order_relaxed);
}

/* Those who ask at the same time may together take a little more than there is. */
bool memory_take(struct memory_holding *holding, size_t bytes)
{
    struct memory_budget *budget = holding->budget;
    if (!memory_has_room(holding, bytes)) {
        atomic_fetch_add_explicit(&budget->refused, 1, memory_order_relaxed);
        return false;
    }
    shares_move(holding, bytes);
    atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
    holding->bytes += bytes;
    note_peak(budget);
    return true;
}

void memory_give_but(struct memory_holding *holding, size_t bytes)
{
    if (holding->bytes <= bytes)
        return;
    size_t given = holding->bytes - bytes;
    shares_move(holding, (size_t)0 - given);
    atomic_fetch_sub_explicit(&holding->budget->used, given, memory_order_relaxed);
    holding->bytes = bytes;
}

void memory_give(struct memory_holding *holding)
{
    memory_give_but(holding, 0);
}

/* The heap keeps what is freed between what is not. Asking for it takes a moment, and is worth it after a peak only. */
void memory_budget_trim(struct memory_budget *budget)
{
    enum { WORTH = 8 * 1024 * 1024 };
    size_t used = atomic_load(&budget->used), peak = atomic_load(&budget->peak);
    if (peak < used + WORTH)
        return;
    atomic_store(&budget->peak, used);
    malloc_trim(0);
}
