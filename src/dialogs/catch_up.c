/* catch_up.c - which messages a cursor knows of behind its horizon: those that it has seen, and those that were there
 * before the page from which a feed is followed. */
#include "dialogs/catch_up.h"

#include "engine/dispatch.h"
#include "engine/watermark.h"

#include <stdlib.h>

/* As many as there may be in the answers; NULL when out of memory. */
static struct position *positions_new(const struct list *list)
{
    return calloc((size_t)direction_rows(list, 0) + (size_t)direction_rows(list, 1) + 1, sizeof(struct position));
}

/* ---- What was seen ---- */

bool catch_up_read(struct list *list)
{
    list->known = positions_new(list);
    if (!list->known)
        return false;
    for (int direction = 0; direction < 2; direction++) {
        for (int row = 0; row < direction_rows(list, direction); row++) {
            struct position position = direction_position(list, direction, row);
            if (direction_has(list, direction, row) && cursor_has(&list->from, position))
                list->known[list->known_count++] = position;
        }
    }
    qsort(list->known, list->known_count, sizeof *list->known, position_order);
    return true;
}

/* ---- What was there before a page ---- */

/* Whoever goes back through a dialog comes upon what was late there; a feed is followed from where it is now. */
bool catch_up_is_open(const struct list *list)
{
    const dlg_page *page = list->page;
    return list->feed && list->backwards && page->has_more && page->start.at.created_us > page->settled_us;
}

static void before_ask(struct list *list, int direction)
{
    static const enum statement_id feeds[2] = {STATEMENT_FEED_FROM_POSITIONS, STATEMENT_FEED_TO_POSITIONS};
    struct query *query = &list->request.queries[direction];
    struct position from = direction_after(position_until(list->page->settled_us), list->sides[direction]);
    struct position until = direction_after(list->page->start.at, list->sides[direction]);
    query_init(query, &list->request, feeds[direction], NULL);
    query_set_uuid(query, 0, &list->user);
    query_set_time(query, 1, from.created_us);
    query_set_int64(query, 2, from.id);
    query_set_time(query, 3, until.created_us);
    query_set_int64(query, 4, until.id);
    query_set_int64(query, 5, CURSOR_SEEN + 1); /* one more than fits, so that it is seen when there are more */
    engine_query(list->request.engine, query);
}

void catch_up_ask_before(struct list *list)
{
    before_ask(list, 0);
    before_ask(list, 1);
}

bool catch_up_take_before(struct list *list)
{
    dlg_page *page = list->page;
    size_t count = 0;
    struct position *there = page->known = positions_new(list);
    if (!there)
        return false;
    for (int direction = 0; direction < 2; direction++)
        for (int row = 0; row < direction_rows(list, direction); row++)
            there[count++] = direction_position(list, direction, row);
    qsort(there, count, sizeof *there, position_order);
    page->known_count = count;
    /* While the watermark is not known, what lies before all that fits is taken for seen, up to the nodes' clocks. */
    size_t excess = page->settled_us == INT64_MIN && count > CURSOR_SEEN ? count - CURSOR_SEEN : 0;
    struct position horizon = excess ? there[excess - 1] : position_until(page->settled_us);
    int64_t clocks_us = watermark_clocks_us(list->request.engine);
    if (excess && clocks_us != INT64_MIN && clocks_us < horizon.created_us)
        horizon = position_until(clocks_us);
    cursor_learn(&page->start, horizon, there + excess, count - excess);
    return true;
}
