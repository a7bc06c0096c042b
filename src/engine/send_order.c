#include "engine/send_order.h"

#include "base/uuid.h"

#include <stdlib.h>
#include <string.h>

enum { SLOT_BITS = 10 };

TAILQ_HEAD(order_list, query);

/* Each list has the messages of all authors and recipients of one hash. Zeroed until its first one. */
struct send_order {
    struct order_list lists[1 << SLOT_BITS];
};

struct send_order *send_order_new(void)
{
    return calloc(1, sizeof(struct send_order));
}

void send_order_free(struct send_order *order)
{
    free(order);
}

static struct order_list *list_of(struct send_order *order, const struct query *query)
{
    uint64_t bits, author;
    memcpy(&bits, query->route->bytes + 8, sizeof bits);
    memcpy(&author, query->author->bytes + 8, sizeof author);
    bits += author * 3; /* not the same both ways */
    return &order->lists[bits * UINT64_C(0x9E3779B97F4A7C15) >> (64 - SLOT_BITS)];
}

void send_order_add(struct send_order *order, struct query *query)
{
    if (!query->author)
        return;
    struct order_list *list = list_of(order, query);
    if (!list->tqh_last)
        TAILQ_INIT(list);
    TAILQ_INSERT_TAIL(list, query, same_way);
    query->ordered = true;
}

void send_order_remove(struct send_order *order, struct query *query)
{
    if (query->ordered)
        TAILQ_REMOVE(list_of(order, query), query, same_way);
    query->ordered = false;
}

static bool is_same_way(const struct query *a, const struct query *b)
{
    return dlg_uuid_compare(a->route, b->route) == 0 && dlg_uuid_compare(a->author, b->author) == 0;
}

bool send_order_allows(const struct query *query, const struct batch *batch)
{
    if (!query->ordered)
        return true;
    const struct query *before = query;
    while ((before = TAILQ_PREV(before, order_list, same_way)))
        if (is_same_way(before, query))
            return before->batch == batch;
    return true;
}
