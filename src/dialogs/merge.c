/* merge.c - makes a page of the answers: the two halves of a dialog or a feed, in order. */
#include "dialogs/list.h"

#include <stdlib.h>

static void message_read(const struct list *list, int half, int row, dlg_message *message)
{
    const struct query *query = half_source(list, half);
    message->id = query_int64(query, row, COLUMN_ID);
    message->author = half == 0 ? list->user : list->peer;
    message->recipient = half == 0 ? list->peer : list->user;
    if (list->feed) {
        query_uuid(query, row, COLUMN_AUTHOR, &message->author);
        query_uuid(query, row, COLUMN_RECIPIENT, &message->recipient);
    }
    message->created_us = query_time(query, row, COLUMN_CREATED);
    message->updated_us = query_time(query, row, COLUMN_UPDATED);
    message->text = query_text(query, row, COLUMN_TEXT, &message->length);
}

/* One half, read row by row; `next` and `at` are valid while `row` is below `rows`. */
struct half {
    int row;
    int rows;
    dlg_message next;
    struct position at;
};

static bool is_known(const struct list *list, const struct position *position)
{
    return bsearch(position, list->known, list->known_count, sizeof *position, position_order) != NULL;
}

/* Steps over what belongs to the other half, and what is known. */
static void half_advance(const struct list *list, int index, struct half *half)
{
    for (; half->row < half->rows; half->row++) {
        if (!half_has(list, index, half->row))
            continue;
        message_read(list, index, half->row, &half->next);
        half->at = (struct position){half->next.created_us, half->next.id, list->sides[index]};
        if (!list->known_count || !is_known(list, &half->at))
            return;
    }
}

/* Which half comes next: 0 or 1, or -1 at the end of both. */
static int half_choose(const struct list *list, const struct half halves[2])
{
    bool first = halves[0].row < halves[0].rows;
    bool second = halves[1].row < halves[1].rows;
    if (!first || !second)
        return first ? 0 : second ? 1 : -1;
    int order = position_compare(halves[0].at, halves[1].at);
    return (order <= 0) != list->backwards ? 0 : 1;
}

static bool is_cut(const struct list *list, int half)
{
    return half_rows(list, half) >= list->rows + list->together;
}

/* Whether rows that were not read may come before: where much is known, more of it is passed over than is read. */
static bool is_uncertain(const struct list *list, const struct position *at)
{
    if (list->known_count == 0 || list->together)
        return false;
    for (int half = 0; half < 2; half++)
        if (is_cut(list, half) && position_compare(*at, half_position(list, half, half_rows(list, half) - 1)) > 0)
            return true;
    return false;
}

static void page_merge(const struct list *list, dlg_page *page)
{
    struct half halves[2] = {{.rows = half_rows(list, 0)}, {.rows = half_rows(list, 1)}};
    half_advance(list, 0, &halves[0]);
    half_advance(list, 1, &halves[1]);
    int chosen;
    page->has_more = true;
    while ((chosen = half_choose(list, halves)) >= 0) {
        if (page->count == (size_t)list->limit || is_uncertain(list, &halves[chosen].at))
            return;
        page->messages[page->count++] = halves[chosen].next;
        halves[chosen].row++;
        half_advance(list, chosen, &halves[chosen]);
    }
    page->has_more = is_cut(list, 0) || is_cut(list, 1);
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
    size_t most = (size_t)half_rows(list, 0) + (size_t)half_rows(list, 1);
    if (most > (size_t)list->limit)
        most = (size_t)list->limit;
    dlg_page *page = malloc(sizeof *page + most * sizeof *page->messages);
    if (!page)
        return NULL;
    page->user = list->user;
    page->peer = list->peer;
    page->backwards = list->backwards;
    page->asked = list->from.at;
    page->late_from_us = list->asked_us - CURSOR_LATE_US;
    page->before[0] = page->after[0] = '\0';
    page->count = 0;
    page_merge(list, page);
    page->known = list->known;
    page->known_count = list->known_count;
    list->known = NULL;
    if (page->backwards)
        page_reverse(page);
    start_find(list, page);
    for (int i = 0; i < 2; i++) {
        page->halves[i] = list->request.queries[i].result;
        list->request.queries[i].result = NULL;
    }
    return page;
}
