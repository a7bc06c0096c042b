#include "client/known.h"

#include <stdlib.h>
#include <string.h>

struct known {
    size_t size;
    dlg_uuid users[]; /* nil: empty */
};

struct known *known_new(size_t size)
{
    struct known *known = calloc(1, sizeof *known + size * sizeof *known->users);
    if (known)
        known->size = size;
    return known;
}

void known_free(struct known *known)
{
    free(known);
}

static size_t slot(const struct known *known, const dlg_uuid *user)
{
    uint64_t halves[2];
    memcpy(halves, user->bytes, sizeof halves);
    return (size_t)(((halves[0] ^ halves[1]) * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % known->size;
}

bool known_has(const struct known *known, const dlg_uuid *user)
{
    return dlg_uuid_compare(&known->users[slot(known, user)], user) == 0;
}

void known_add(struct known *known, const dlg_uuid *user)
{
    known->users[slot(known, user)] = *user;
}
