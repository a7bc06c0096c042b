#include "dialogs/list.h"

struct position direction_position(const struct list *list, int direction, int row)
{
    const struct query *query = direction_source(list, direction);
    return (struct position){query_time(query, row, COLUMN_CREATED), query_int64(query, row, COLUMN_ID),
                             list->sides[direction]};
}

/* A message of the other side may be at the very place. */
struct position direction_after(struct position from, int side)
{
    return side > from.side ? position_before(from) : from;
}

struct position direction_from(const struct list *list, struct position from, int side)
{
    if (!list->backwards)
        return direction_after(from, side);
    return side < from.side ? position_after(from) : from;
}
