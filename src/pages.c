#include "pages.h"

#include "page.h"
#include "uuid.h"

#include <stdlib.h>
#include <string.h>

/*
 * A dialog is two halves, each in one shard: what the user wrote to the peer, in the peer's, and the other way
 * round. In a cluster both are read at once, each from its owner; a single server is asked for both together, and sends
 * only as many rows as the page has. Either way the exact order is made here. The messages point into libpq's results.
 *
 * A feed is all dialogs of a user at once. It has two halves too: what the user wrote to others, which is in all
 * shards, and what others wrote, in the user's own. Its `peer` is nil.
 */
struct list {
    struct request request;
    dlg_uuid user;
    dlg_uuid peer;
    int32_t limit;
    bool backwards;
    bool feed;        /* of all dialogs */
    bool together;    /* both halves are in the answer of the first query */
    int64_t asked_us; /* hybrid clock, before the queries were sent */
    dlg_page *page;
    struct cursor from; /* large, so last: it is not zeroed */
};

/* ---- Merging ---- */

enum { COLUMN_ID, COLUMN_TEXT, COLUMN_CREATED, COLUMN_UPDATED, COLUMN_MINE };

/* Of a feed, instead of the last. */
enum { COLUMN_AUTHOR = COLUMN_MINE, COLUMN_RECIPIENT };

static const struct query *half_source(const struct list *list, int half)
{
    return &list->request.queries[list->together ? 0 : half];
}

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
    int side;
    dlg_message next;
    struct position at;
};

/* As message_position() has it. */
static struct half half_begin(const struct list *list, int index)
{
    int order = list->feed ? -1 : dlg_uuid_compare(&list->user, &list->peer);
    return (struct half){.rows = query_rows(half_source(list, index)), .side = index == 0 ? order > 0 : order < 0};
}

/* Steps over what belongs to the other half, and what the cursor has seen. */
static void half_advance(const struct list *list, int index, struct half *half)
{
    for (; half->row < half->rows; half->row++) {
        if (list->together && query_bool(half_source(list, index), half->row, COLUMN_MINE) != (index == 0))
            continue;
        message_read(list, index, half->row, &half->next);
        half->at = (struct position){half->next.created_us, half->next.id, half->side};
        if (list->backwards || !cursor_has_seen(&list->from, half->at))
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

static void page_merge(const struct list *list, dlg_page *page)
{
    struct half halves[2] = {half_begin(list, 0), half_begin(list, 1)};
    half_advance(list, 0, &halves[0]);
    half_advance(list, 1, &halves[1]);
    int chosen;
    while ((chosen = half_choose(list, halves)) >= 0) {
        if (page->count == (size_t)list->limit) {
            page->has_more = true;
            return;
        }
        page->messages[page->count++] = halves[chosen].next;
        halves[chosen].row++;
        half_advance(list, chosen, &halves[chosen]);
    }
}

static void page_reverse(dlg_page *page)
{
    for (size_t i = 0; i < page->count / 2; i++) {
        dlg_message swap = page->messages[i];
        page->messages[i] = page->messages[page->count - 1 - i];
        page->messages[page->count - 1 - i] = swap;
    }
}

static dlg_page *page_new(struct list *list)
{
    size_t most = (size_t)query_rows(&list->request.queries[0]) + (size_t)query_rows(&list->request.queries[1]);
    if (most > (size_t)list->limit)
        most = (size_t)list->limit;
    dlg_page *page = malloc(sizeof *page + most * sizeof *page->messages);
    if (!page)
        return NULL;
    page->user = list->user;
    page->peer = list->peer;
    page->backwards = list->backwards;
    page->has_more = false;
    cursor_copy(&page->from, &list->from);
    page->late_from_us = list->asked_us - CURSOR_LATE_US;
    page->before[0] = page->after[0] = '\0';
    page->count = 0;
    page_merge(list, page);
    if (page->backwards)
        page_reverse(page);
    for (int i = 0; i < 2; i++) {
        page->halves[i] = list->request.queries[i].result;
        list->request.queries[i].result = NULL;
    }
    return page;
}

/* ---- Steps ---- */

static void list_done(struct request *request)
{
    struct list *list = (struct list *)request;
    for (int i = 0; i < 2; i++) {
        if (request->queries[i].error) {
            request_fail(request, &request->queries[i]);
            return;
        }
    }
    list->page = page_new(list);
    if (!list->page) {
        dlg_error *error = NULL;
        error_set(&error, DLG_E_MEMORY, "out of memory");
        request_complete(request, error);
        return;
    }
    if (list->page->count)
        clock_observe(&request->engine->clock, list->page->messages[list->page->count - 1].created_us);
    request_complete(request, NULL);
}

/* Where one half begins, exclusive: a message of the other side may be at the very place. */
static struct position half_from(const struct list *list, int side)
{
    struct position from = list->backwards ? list->from.at : list->from.horizon;
    if (list->backwards && side < from.side)
        return position_after(from);
    if (!list->backwards && side > from.side)
        return position_before(from);
    return from;
}

static int64_t rows_wanted(const struct list *list)
{
    return list->limit + 1 + (list->backwards ? 0 : list->from.mark_count);
}

static void half_query(struct list *list, int half, const dlg_uuid *author, const dlg_uuid *recipient)
{
    struct query *query = &list->request.queries[half];
    struct position from = half_from(list, dlg_uuid_compare(author, recipient) > 0);
    query_init(query, &list->request, list->backwards ? STATEMENT_PAGE_BEFORE : STATEMENT_PAGE_AFTER, recipient);
    query_set_uuid(query, 0, author);
    query_set_uuid(query, 1, recipient);
    query_set_time(query, 2, from.created_us);
    query_set_int64(query, 3, from.id);
    query_set_int64(query, 4, rows_wanted(list));
    engine_query(list->request.engine, query);
}

/* The server does not know which of two messages of one time and one id is first: one row more holds both. */
static void dialog_query(struct list *list)
{
    struct query *query = &list->request.queries[0];
    int side = dlg_uuid_compare(&list->user, &list->peer) > 0;
    struct position mine = half_from(list, side), theirs = half_from(list, !side);
    query_init(query, &list->request, list->backwards ? STATEMENT_DIALOG_BEFORE : STATEMENT_DIALOG_AFTER, NULL);
    query_set_uuid(query, 0, &list->user);
    query_set_uuid(query, 1, &list->peer);
    query_set_time(query, 2, mine.created_us);
    query_set_int64(query, 3, mine.id);
    query_set_time(query, 4, theirs.created_us);
    query_set_int64(query, 5, theirs.id);
    query_set_int64(query, 6, rows_wanted(list) + 1);
    engine_query(list->request.engine, query);
}

/*
 * The halves of a feed: 0, what the user wrote; 1, what the user got. Neither goes to a worker of its own: the first is
 * in all shards, and the second, for its index, names the recipient twice, which Citus plans with the values only.
 */
static void feed_query(struct list *list, int half)
{
    static const enum statement_id statements[2][2] = {{STATEMENT_FEED_FROM_AFTER, STATEMENT_FEED_FROM_BEFORE},
                                                       {STATEMENT_FEED_TO_AFTER, STATEMENT_FEED_TO_BEFORE}};
    struct query *query = &list->request.queries[half];
    struct position from = half_from(list, half);
    query_init(query, &list->request, statements[half][list->backwards], NULL);
    query_set_uuid(query, 0, &list->user);
    query_set_time(query, 1, from.created_us);
    query_set_int64(query, 2, from.id);
    query_set_int64(query, 3, rows_wanted(list));
    engine_query(list->request.engine, query);
}

static void list_start(struct request *request)
{
    struct list *list = (struct list *)request;
    bool self = dlg_uuid_compare(&list->user, &list->peer) == 0;
    list->asked_us = clock_now(&request->engine->clock);
    list->together = !self && !list->feed && !request->engine->topology.is_citus;
    request->step = list_done;
    if (list->feed) {
        feed_query(list, 0);
        feed_query(list, 1);
        return;
    }
    if (list->together) {
        dialog_query(list);
        return;
    }
    half_query(list, 0, &list->user, &list->peer);
    if (!self)
        half_query(list, 1, &list->peer, &list->user);
}

static void list_destroy(struct request *request)
{
    dlg_page_free(((struct list *)request)->page);
}

/* ---- Calls ---- */

static int options_read(struct list *list, const dlg_list_options *options, dlg_error **error)
{
    static const dlg_list_options defaults = DLG_LIST_OPTIONS_INIT;
    if (!options)
        options = &defaults;
    if (options->version != DLG_LIST_OPTIONS_VERSION)
        return error_set(error, DLG_E_ARGUMENT, "dlg_list_options: start from DLG_LIST_OPTIONS_INIT");
    if (options->limit < 1 || options->limit > DLG_PAGE_LIMIT)
        return error_set(error, DLG_E_ARGUMENT, "limit must be 1 to %d", DLG_PAGE_LIMIT);
    if (options->before && options->after)
        return error_set(error, DLG_E_ARGUMENT, "give before or after, not both");
    list->limit = options->limit;
    list->backwards = !options->after;
    const char *text = options->after ? options->after : options->before ? options->before : "";
    if (!*text)
        cursor_at(&list->from, list->backwards ? POSITION_LAST : POSITION_FIRST);
    else if (!cursor_read(&list->from, &list->user, &list->peer, text))
        return error_set(error, DLG_E_CURSOR,
                         "this is not a cursor of this %s: send back, as it is, one that came with it",
                         list->feed ? "feed" : "dialog");
    return DLG_OK;
}

/* `peer` nil: the user's feed. */
static int request_make(const dlg_uuid *user, const dlg_uuid *peer, const dlg_list_options *options,
                        struct request **request, dlg_error **error)
{
    struct list *list = request_new_part(sizeof *list, offsetof(struct list, from), REQUEST_LIST);
    if (!list)
        return error_set(error, DLG_E_MEMORY, "out of memory");
    list->request.bytes = sizeof *list;
    list->request.step = list_start;
    list->request.destroy = list_destroy;
    list->user = *user;
    list->peer = *peer;
    list->feed = uuid_is_nil(peer);
    int code = options_read(list, options, error);
    if (code != DLG_OK)
        request_release(&list->request);
    else
        *request = &list->request;
    return code;
}

int list_new(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, const dlg_list_options *options,
             struct request **request, dlg_error **error)
{
    int code = client_check(client, error);
    if (code != DLG_OK)
        return code;
    if (!user || !peer || uuid_is_nil(user) || uuid_is_nil(peer))
        return error_set(error, DLG_E_ARGUMENT, "a dialog is between two users, neither nil");
    return request_make(user, peer, options, request, error);
}

static int feed_new(dlg_client *client, const dlg_uuid *user, const dlg_list_options *options, struct request **request,
                    dlg_error **error)
{
    static const dlg_uuid everybody = {{0}};
    int code = client_check(client, error);
    if (code != DLG_OK)
        return code;
    if (!user || uuid_is_nil(user))
        return error_set(error, DLG_E_ARGUMENT, "a feed is a user's, who is not nil");
    if (client->settings->feed != FEED_ON)
        return error_set(error, DLG_E_STATE, "feeds need indexes of their own: open with the setting feed=on");
    return request_make(user, &everybody, options, request, error);
}

dlg_page *list_take(struct request *request)
{
    struct list *list = (struct list *)request;
    dlg_page *page = list->page;
    list->page = NULL;
    return page;
}

static int call(dlg_client *client, struct request *request, const dlg_list_options *options, dlg_page **page,
                dlg_error **error)
{
    int code = engine_call(&client->engine, request, options ? options->timeout_us : 0, error);
    if (code == DLG_OK)
        *page = list_take(request);
    request_release(request);
    return code;
}

int dlg_list(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, const dlg_list_options *options,
             dlg_page **page, dlg_error **error)
{
    struct request *request;
    if (!page)
        return error_set(error, DLG_E_ARGUMENT, "dlg_list() needs somewhere to put the page");
    int code = list_new(client, user, peer, options, &request, error);
    return code == DLG_OK ? call(client, request, options, page, error) : code;
}

int dlg_feed(dlg_client *client, const dlg_uuid *user, const dlg_list_options *options, dlg_page **page,
             dlg_error **error)
{
    struct request *request;
    if (!page)
        return error_set(error, DLG_E_ARGUMENT, "dlg_feed() needs somewhere to put the page");
    int code = feed_new(client, user, options, &request, error);
    return code == DLG_OK ? call(client, request, options, page, error) : code;
}

int dlg_feed_async(dlg_client *client, const dlg_uuid *user, const dlg_list_options *options, dlg_callback callback,
                   void *payload, dlg_error **error)
{
    struct request *request;
    int code = feed_new(client, user, options, &request, error);
    if (code != DLG_OK)
        return code;
    return engine_post(&client->engine, request, options ? options->timeout_us : 0, callback, payload, error);
}

int dlg_list_async(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, const dlg_list_options *options,
                   dlg_callback callback, void *payload, dlg_error **error)
{
    struct request *request;
    int code = list_new(client, user, peer, options, &request, error);
    if (code != DLG_OK)
        return code;
    return engine_post(&client->engine, request, options ? options->timeout_us : 0, callback, payload, error);
}

const dlg_page *dlg_reply_page(const dlg_reply *reply)
{
    const struct request *request = reply_as(reply, REQUEST_LIST);
    return request ? ((const struct list *)request)->page : NULL;
}
