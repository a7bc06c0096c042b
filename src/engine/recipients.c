#include "engine/recipients.h"

#include "base/uuid.h"

#include <stdlib.h>
#include <string.h>

enum { SLOT_BITS = 10 };

TAILQ_HEAD(recipient_list, query);

/* Each list has the messages to all recipients of one hash. Zeroed until its first one. */
struct recipients {
    struct recipient_list lists[1 << SLOT_BITS];
};

struct recipients *recipients_new(void)
{
    return calloc(1, sizeof(struct recipients));
}

void recipients_free(struct recipients *recipients)
{
    free(recipients);
}

static struct recipient_list *list_of(struct recipients *recipients, const struct query *query)
{
    uint64_t bits;
    memcpy(&bits, query->route->bytes + 8, sizeof bits);
    return &recipients->lists[bits * UINT64_C(0x9E3779B97F4A7C15) >> (64 - SLOT_BITS)];
}

void recipients_add(struct recipients *recipients, struct query *query)
{
    if (!query->statement->stamps)
        return;
    struct recipient_list *list = list_of(recipients, query);
    if (!list->tqh_last)
        TAILQ_INIT(list);
    TAILQ_INSERT_TAIL(list, query, same_recipient);
    query->ordered = true;
}

void recipients_remove(struct recipients *recipients, struct query *query)
{
    if (query->ordered)
        TAILQ_REMOVE(list_of(recipients, query), query, same_recipient);
    query->ordered = false;
}

bool recipients_let(const struct query *query, const struct batch *batch)
{
    if (!query->ordered)
        return true;
    const struct query *before = query;
    while ((before = TAILQ_PREV(before, recipient_list, same_recipient)))
        if (dlg_uuid_compare(before->route, query->route) == 0)
            return before->batch == batch;
    return true;
}
