/* window.c - what the database shows between the horizon of a cursor and the cursor: which of it came late. */
#include "list.h"

#include "engine.h"

#include <stdlib.h>

/* ---- Asking ---- */

/* There are as many as the cursor has seen, and those that came late: of these no more than a sketch can tell. */
static int64_t places_wanted(const struct list *list)
{
    return list->from.count + SKETCH_CELLS + 1;
}

static void half_ask(struct list *list, int half)
{
    static const enum statement_id feeds[2] = {STATEMENT_FEED_FROM_PLACES, STATEMENT_FEED_TO_PLACES};
    struct query *query = &list->request.queries[half];
    const dlg_uuid *author = half == 0 ? &list->user : &list->peer;
    const dlg_uuid *recipient = half == 0 ? &list->peer : &list->user;
    struct position from = half_from(list, list->from.horizon, list->sides[half]);
    struct position until = half_from(list, list->from.at, list->sides[half]);
    int next = 0;
    query_init(query, &list->request, list->feed ? feeds[half] : STATEMENT_PAGE_PLACES, list->feed ? NULL : recipient);
    query_set_uuid(query, next++, list->feed ? &list->user : author);
    if (!list->feed)
        query_set_uuid(query, next++, recipient);
    query_set_time(query, next++, from.created_us);
    query_set_int64(query, next++, from.id);
    query_set_time(query, next++, until.created_us);
    query_set_int64(query, next++, until.id);
    query_set_int64(query, next, places_wanted(list));
    engine_query(list->request.engine, query);
}

void window_ask(struct list *list)
{
    half_ask(list, 0);
    if (list->feed || dlg_uuid_compare(&list->user, &list->peer) != 0)
        half_ask(list, 1);
}

/* ---- Answers ---- */

/* Of the rows that were read, those of the window, in order. */
static size_t places_read(const struct list *list, struct position *places)
{
    size_t count = 0;
    for (int half = 0; half < 2; half++) {
        for (int row = 0; row < half_rows(list, half); row++) {
            if (!half_has(list, half, row))
                continue;
            places[count] = half_position(list, half, row);
            count += position_compare(places[count], list->from.at) <= 0;
        }
    }
    qsort(places, count, sizeof *places, position_order);
    return count;
}

/* `shown` receives what was read of the window, to be freed, and the list what was known of it. */
static bool window_tell(struct list *list, struct position **shown, size_t *count, bool *told)
{
    size_t most = (size_t)half_rows(list, 0) + (size_t)half_rows(list, 1) + 1;
    *shown = calloc(most, sizeof **shown);
    list->known = calloc(most, sizeof *list->known);
    if (!*shown || !list->known) {
        free(*shown);
        return false;
    }
    *count = places_read(list, *shown);
    *told = cursor_tell(&list->from, *shown, *count, list->known, &list->known_count);
    return true;
}

/* The page begins at what came late, and may go over much that is known: not all of that is read at once. */
static void begin_at_late(struct list *list, const struct position *shown, size_t count)
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

bool window_take(struct list *list)
{
    size_t count;
    bool told;
    struct position *shown;
    if (half_rows(list, 0) >= places_wanted(list) || half_rows(list, 1) >= places_wanted(list)) {
        begin_at_horizon(list); /* there are more than were asked for */
        return true;
    }
    if (!window_tell(list, &shown, &count, &told))
        return false;
    if (told)
        begin_at_late(list, shown, count);
    else
        begin_at_horizon(list);
    free(shown);
    return true;
}

bool window_read(struct list *list)
{
    size_t count;
    bool told;
    struct position *shown;
    if (!window_tell(list, &shown, &count, &told))
        return false;
    free(shown);
    return true;
}
