/* catch_up.c - what the database shows between the horizon of a cursor and the cursor: what is known, what came late.
 */
#include "dialogs/catch_up.h"

#include "engine/dispatch.h"

#include <stdlib.h>

/* ---- Asking ---- */

static void direction_ask(struct list *list, int direction)
{
    static const enum statement_id feeds[2] = {STATEMENT_FEED_FROM_POSITIONS, STATEMENT_FEED_TO_POSITIONS};
    struct query *query = &list->request.queries[direction];
    const dlg_uuid *author = direction == 0 ? &list->user : &list->peer;
    const dlg_uuid *recipient = direction == 0 ? &list->peer : &list->user;
    struct position from = direction_after(list->catch_up.from, list->sides[direction]);
    struct position until = direction_after(list->catch_up.until, list->sides[direction]);
    int next = 0;
    query_init(query, &list->request, list->feed ? feeds[direction] : STATEMENT_PAGE_POSITIONS,
               list->feed ? NULL : recipient);
    query_set_uuid(query, next++, list->feed ? &list->user : author);
    if (!list->feed)
        query_set_uuid(query, next++, recipient);
    query_set_time(query, next++, from.created_us);
    query_set_int64(query, next++, from.id);
    query_set_time(query, next++, until.created_us);
    query_set_int64(query, next++, until.id);
    query_set_int64(query, next, list->catch_up.most);
    engine_query(list->request.engine, query);
}

static void halves_ask(struct list *list)
{
    direction_ask(list, 0);
    if (list->feed || dlg_uuid_compare(&list->user, &list->peer) != 0)
        direction_ask(list, 1);
}

/* There are as many as the cursor has seen, and those that came late: of these no more than a sketch can tell. */
void catch_up_ask(struct list *list)
{
    list->catch_up = (struct catch_up){list->from.horizon, list->from.at, list->from.count + SKETCH_CELLS + 1};
    halves_ask(list);
}

/* One more than a cursor has room for, so that it is seen when there are more. */
void catch_up_ask_before(struct list *list)
{
    struct position settled = {list->page->late_from_us, INT64_MAX, 1};
    list->catch_up = (struct catch_up){settled, list->page->start.at, CURSOR_SEEN + 1};
    halves_ask(list);
}

/* Whoever goes back through a dialog comes upon what was late there; a feed is followed from where it is now. */
bool catch_up_is_open(const struct list *list)
{
    const dlg_page *page = list->page;
    return list->feed && list->backwards && page->has_more && page->start.at.created_us > page->late_from_us;
}

/* ---- Answers ---- */

/* Of the rows that were read, those of the catch_up, in order. */
static size_t positions_read(const struct list *list, struct position *positions)
{
    size_t count = 0;
    for (int direction = 0; direction < 2; direction++) {
        for (int row = 0; row < direction_rows(list, direction); row++) {
            if (!direction_has(list, direction, row))
                continue;
            positions[count] = direction_position(list, direction, row);
            count += position_compare(positions[count], list->catch_up.until) <= 0;
        }
    }
    qsort(positions, count, sizeof *positions, position_order);
    return count;
}

/* As many as there may be in the answer; NULL when out of memory. */
static struct position *positions_new(const struct list *list)
{
    return calloc((size_t)direction_rows(list, 0) + (size_t)direction_rows(list, 1) + 1, sizeof(struct position));
}

/* `shown` receives what was read of the catch_up, to be freed, and the list what was known of it. */
static bool catch_up_tell(struct list *list, struct position **shown, size_t *count, bool *told)
{
    *shown = positions_new(list);
    list->known = positions_new(list);
    if (!*shown || !list->known) {
        free(*shown);
        return false;
    }
    *count = positions_read(list, *shown);
    *told = cursor_tell(&list->from, *shown, *count, list->known, &list->known_count);
    return true;
}

/* The page begins at what came late, and may go over much that is known: not all of that is read at once. */
static void resume_at_first_late(struct list *list, const struct position *shown, size_t count)
{
    size_t late = 0;
    while (late < list->known_count && position_compare(shown[late], list->known[late]) == 0)
        late++;
    cursor_learn(&list->from, list->known, list->known_count);
    list->begin = late < count ? position_before(shown[late]) : list->from.at;
    size_t over = late < count ? list->known_count - late : 0;
    list->rows += (int64_t)(over < SKETCH_CELLS ? over : SKETCH_CELLS);
}

/* More came late than can be told from what was seen: all of it is shown again, rather than some of it never. */
static void begin_at_horizon(struct list *list)
{
    cursor_at(&list->from, list->from.horizon);
    list->known_count = 0;
    list->begin = list->from.at;
}

bool catch_up_take(struct list *list)
{
    size_t count;
    bool told;
    struct position *shown;
    if (direction_rows(list, 0) >= list->catch_up.most || direction_rows(list, 1) >= list->catch_up.most) {
        begin_at_horizon(list); /* there are more than were asked for */
        return true;
    }
    if (!catch_up_tell(list, &shown, &count, &told))
        return false;
    if (told)
        resume_at_first_late(list, shown, count);
    else
        begin_at_horizon(list);
    free(shown);
    return true;
}

bool catch_up_read(struct list *list)
{
    size_t count;
    bool told;
    struct position *shown;
    list->catch_up.until = list->from.at;
    if (!catch_up_tell(list, &shown, &count, &told))
        return false;
    free(shown);
    return true;
}

bool catch_up_take_before(struct list *list)
{
    dlg_page *page = list->page;
    page->known = positions_new(list);
    if (!page->known)
        return false;
    page->known_count = positions_read(list, page->known);
    size_t excess = page->known_count > CURSOR_SEEN ? page->known_count - CURSOR_SEEN : 0;
    page->start.horizon = excess ? page->known[excess - 1] : list->catch_up.from;
    cursor_learn(&page->start, page->known, page->known_count);
    return true;
}
