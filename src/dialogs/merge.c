/* merge.c - makes a page of the answers: the two directions of a dialog or a feed, in order. */
#include "dialogs/merge.h"

#include <stdlib.h>

/* What does not fit reads as 0, so that a value that is not 0 needs no second look. */
static bool is_misfit(const struct list *list, const struct query *query, int row, const dlg_message *message)
{
    return (!message->text && !list->bounded) || (!message->id && !query_is_int64(query, row, COLUMN_ID)) ||
           (!message->created_us && !query_is_int64(query, row, COLUMN_CREATED));
}

/* False: the row does not fit. */
static bool message_read(const struct list *list, int direction, int row, dlg_message *message)
{
    const struct query *query = direction_source(list, direction);
    message->id = query_int64(query, row, COLUMN_ID);
    message->author = direction == 0 ? list->user : list->peer;
    message->recipient = direction == 0 ? list->peer : list->user;
    if (list->feed && (!query_uuid(query, row, COLUMN_AUTHOR, &message->author) ||
                       !query_uuid(query, row, COLUMN_RECIPIENT, &message->recipient)))
        return false;
    message->created_us = query_time(query, row, COLUMN_CREATED);
    message->updated_us = query_time(query, row, COLUMN_UPDATED);
    message->text = query_text(query, row, COLUMN_TEXT, &message->length);
    return !is_misfit(list, query, row, message);
}

/* One direction, read row by row; `next` and `at` are valid while `row` is below `rows`. */
struct direction {
    int row;
    int rows;
    bool misfit; /* a row did not fit: nothing more is read */
    dlg_message next;
    struct position at;
};

static bool is_known(const struct list *list, const struct position *position)
{
    return bsearch(position, list->known, list->known_count, sizeof *position, position_order) != NULL;
}

/* Steps over what belongs to the other direction, and what is known. */
static void direction_advance(const struct list *list, int index, struct direction *direction)
{
    for (; direction->row < direction->rows; direction->row++) {
        if (!direction_has(list, index, direction->row))
            continue;
        if (!message_read(list, index, direction->row, &direction->next)) {
            direction->misfit = true;
            direction->row = direction->rows;
            return;
        }
        direction->at = (struct position){direction->next.created_us, direction->next.id, list->sides[index]};
        if (!list->known_count || !is_known(list, &direction->at))
            return;
    }
}

/* Which direction comes next: 0 or 1, or -1 at the end of both. */
static int direction_choose(const struct list *list, const struct direction directions[2])
{
    bool first = directions[0].row < directions[0].rows;
    bool second = directions[1].row < directions[1].rows;
    if (!first || !second)
        return first ? 0 : second ? 1 : -1;
    int order = position_compare(directions[0].at, directions[1].at);
    return (order <= 0) != list->backwards ? 0 : 1;
}

static bool is_cut(const struct list *list, int direction)
{
    return direction_rows(list, direction) >= list->rows + list->together;
}

/* Whether rows that were not read may come before: where much is known, more of it is passed over than is read. */
static bool is_uncertain(const struct list *list, const struct position *at)
{
    if (list->known_count == 0 || list->together)
        return false;
    for (int direction = 0; direction < 2; direction++)
        if (is_cut(list, direction) &&
            position_compare(*at, direction_position(list, direction, direction_rows(list, direction) - 1)) > 0)
            return true;
    return false;
}

/* Whether the page ends before this message, for its bytes. A text that is NULL was left out for the same reason. */
static bool is_too_long(const dlg_page *page, size_t bytes, const dlg_message *message)
{
    return !message->text || (page->count && bytes + message->length > DLG_PAGE_BYTES);
}

static bool is_last(const struct position *position)
{
    return position_compare(*position, POSITION_LAST) == 0;
}

/* False: a row did not fit. */
static bool page_merge(struct list *list, dlg_page *page)
{
    size_t bytes = 0;
    struct direction directions[2] = {{.rows = direction_rows(list, 0)}, {.rows = direction_rows(list, 1)}};
    direction_advance(list, 0, &directions[0]);
    direction_advance(list, 1, &directions[1]);
    int chosen;
    page->has_more = true;
    while ((chosen = direction_choose(list, directions)) >= 0) {
        if (page->count == (size_t)list->limit || is_uncertain(list, &directions[chosen].at))
            return true;
        if (!list->backwards && position_compare(directions[chosen].at, list->until) > 0)
            break;
        if (is_too_long(page, bytes, &directions[chosen].next)) {
            list->starved = page->count == 0;
            return true;
        }
        bytes += directions[chosen].next.length;
        page->messages[page->count++] = directions[chosen].next;
        directions[chosen].row++;
        direction_advance(list, chosen, &directions[chosen]);
    }
    page->until_reached = chosen >= 0 || !(is_cut(list, 0) || is_cut(list, 1));
    page->has_more = !is_last(&list->until) || is_cut(list, 0) || is_cut(list, 1);
    return !directions[0].misfit && !directions[1].misfit;
}

static void page_reverse(dlg_page *page)
{
    for (size_t i = 0; i < page->count / 2; i++) {
        dlg_message swap = page->messages[i];
        page->messages[i] = page->messages[page->count - 1 - i];
        page->messages[page->count - 1 - i] = swap;
    }
}

/* What a page read backwards does not show of what lies before it was not asked for. */
static void start_find(const struct list *list, dlg_page *page)
{
    if (!page->backwards)
        cursor_copy(&page->start, &list->from);
    else if (page->has_more)
        cursor_at(&page->start, position_before(message_position(&page->messages[0], &list->user, &list->peer)));
    else
        cursor_at(&page->start, POSITION_FIRST);
}

dlg_page *list_merge(struct list *list)
{
    size_t most = (size_t)direction_rows(list, 0) + (size_t)direction_rows(list, 1);
    if (most > (size_t)list->limit)
        most = (size_t)list->limit;
    dlg_page *page = malloc(sizeof *page + most * sizeof *page->messages);
    if (!page)
        return NULL;
    page->user = list->user;
    page->peer = list->peer;
    page->backwards = list->backwards;
    page->asked = list->from.at;
    page->until = list->until;
    page->until_reached = false;
    page->settled_us = list->settled_us;
    page->before[0] = page->after[0] = '\0';
    page->texts = NULL;
    page->count = 0;
    if (!page_merge(list, page)) {
        list->misfit = true;
        free(page);
        return NULL;
    }
    page->known = list->known;
    page->known_count = list->known_count;
    list->known = NULL;
    if (page->backwards)
        page_reverse(page);
    start_find(list, page);
    for (int i = 0; i < 2; i++) {
        page->directions[i] = list->request.queries[i].result;
        list->request.queries[i].result = NULL;
    }
    if (page_keeps_too_much(page) && !page_detach(page)) {
        dlg_page_free(page);
        return NULL;
    }
    return page;
}
