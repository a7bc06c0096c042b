#include "dialogs/list.h"

struct position half_position(const struct list *list, int half, int row)
{
    const struct query *query = half_source(list, half);
    return (struct position){query_time(query, row, COLUMN_CREATED), query_int64(query, row, COLUMN_ID),
                             list->sides[half]};
}

/* A message of the other side may be at the very place. */
struct position half_after(struct position from, int side)
{
    return side > from.side ? position_before(from) : from;
}

struct position half_from(const struct list *list, struct position from, int side)
{
    if (!list->backwards)
        return half_after(from, side);
    return side < from.side ? position_after(from) : from;
}
