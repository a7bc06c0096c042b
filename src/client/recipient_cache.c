#include "client/recipient_cache.h"

#include <stdlib.h>
#include <string.h>

struct recipient_cache {
    size_t size;
    dlg_uuid users[]; /* nil: empty */
};

struct recipient_cache *recipient_cache_new(size_t size)
{
    struct recipient_cache *recipient_cache =
        calloc(1, sizeof *recipient_cache + size * sizeof *recipient_cache->users);
    if (recipient_cache)
        recipient_cache->size = size;
    return recipient_cache;
}

void recipient_cache_free(struct recipient_cache *recipient_cache)
{
    free(recipient_cache);
}

static size_t slot(const struct recipient_cache *recipient_cache, const dlg_uuid *user)
{
    uint64_t halves[2];
    memcpy(halves, user->bytes, sizeof halves);
    return (size_t)(((halves[0] ^ halves[1]) * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % recipient_cache->size;
}

bool recipient_cache_has(const struct recipient_cache *recipient_cache, const dlg_uuid *user)
{
    return dlg_uuid_compare(&recipient_cache->users[slot(recipient_cache, user)], user) == 0;
}

void recipient_cache_add(struct recipient_cache *recipient_cache, const dlg_uuid *user)
{
    recipient_cache->users[slot(recipient_cache, user)] = *user;
}
