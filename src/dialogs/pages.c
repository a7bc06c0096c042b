#include "dialogs/pages.h"

#include "base/uuid.h"
#include "base/versioned.h"
#include "dialogs/catch_up.h"
#include "dialogs/list.h"
#include "dialogs/merge.h"
#include "engine/complete.h"
#include "engine/dispatch.h"
#include "engine/submit.h"
#include "engine/watermark.h"
#include "pg/answer.h"

#include <stdlib.h>
#include <string.h>

/* ---- Answers ---- */

static bool has_failed(struct request *request)
{
    for (int i = 0; i < 2; i++) {
        if (request->queries[i].error) {
            request_fail(request, &request->queries[i]);
            return true;
        }
    }
    return false;
}

static void fail_for_memory(struct request *request)
{
    dlg_error *error = NULL;
    error_set(&error, DLG_E_MEMORY, "out of memory");
    request_complete(request, error);
}

static void answers_forget(struct request *request)
{
    for (int i = 0; i < 2; i++)
        query_clear(&request->queries[i]);
}

static void before_done(struct request *request)
{
    if (has_failed(request))
        return;
    bool good = catch_up_take_before((struct list *)request);
    answers_forget(request);
    if (good)
        request_complete(request, NULL);
    else
        fail_for_memory(request);
}

static void list_begin(struct request *request);

/* There was nothing to be shown again: the page is what follows. */
static bool again_is_empty(const struct list *list)
{
    const dlg_page *page = list->page;
    return !list->backwards && position_compare(list->until, POSITION_LAST) != 0 && page->until_reached &&
           page->count == 0;
}

/* Nothing but what the cursor knows fits into the bytes of a page: a short page of all texts is behind that. */
static bool must_retry(struct list *list)
{
    enum { SHORT = 16 };
    if (!list->starved || list->retried)
        return false;
    list->retried = true;
    list->starved = false;
    list->limit = list->limit < SHORT ? list->limit : SHORT;
    return true;
}

static void read_again(struct list *list)
{
    answers_forget(&list->request);
    dlg_page_free(list->page);
    free(list->known);
    list->page = NULL;
    list->known = NULL;
    list->known_count = 0;
    list_begin(&list->request);
}

static void list_fail(struct list *list)
{
    if (list->misfit)
        request_complete(&list->request, answer_misfit_error(list->request.queries[0].statement));
    else
        fail_for_memory(&list->request);
}

static void list_done(struct request *request)
{
    struct list *list = (struct list *)request;
    if (has_failed(request))
        return;
    bool knows = list->backwards || list->from.count == 0 || list->known;
    if (knows || catch_up_read(list))
        list->page = list_merge(list);
    if (!list->page) {
        list_fail(list);
        return;
    }
    if (again_is_empty(list)) {
        cursor_advance_again(&list->from, list->until);
        read_again(list);
        return;
    }
    if (must_retry(list)) {
        read_again(list);
        return;
    }
    if (list->page->count)
        clock_observe(&request->engine->clock, list->page->messages[list->page->count - 1].created_us);
    if (!catch_up_is_open(list)) {
        request_complete(request, NULL);
        return;
    }
    request->step = before_done;
    catch_up_ask_before(list);
}

/* ---- Questions ---- */

/* Of two statements that differ only in that the second ends by bytes: that is for pages of many messages. */
static enum statement_id statement_for(struct list *list, enum statement_id plain)
{
    enum { MANY = 128, STEP = STATEMENT_LONG_PAGE_AFTER - STATEMENT_PAGE_AFTER };
    list->bounded = list->rows > MANY && !list->retried;
    return list->bounded ? (enum statement_id)((int)plain + STEP) : plain;
}

static void direction_query(struct list *list, int direction, const dlg_uuid *author, const dlg_uuid *recipient)
{
    struct query *query = &list->request.queries[direction];
    struct position from = direction_from(list, list->begin, list->sides[direction]);
    enum statement_id plain = list->backwards ? STATEMENT_PAGE_BEFORE : STATEMENT_PAGE_AFTER;
    query_init(query, &list->request, statement_for(list, plain), recipient);
    query_set_uuid(query, 0, author);
    query_set_uuid(query, 1, recipient);
    query_set_time(query, 2, from.created_us);
    query_set_int64(query, 3, from.id);
    query_set_int64(query, 4, list->rows);
    engine_query(list->request.engine, query);
}

/* The server does not know which of two messages of one time and one id is first: one row more holds both. */
static void dialog_query(struct list *list)
{
    struct query *query = &list->request.queries[0];
    struct position mine = direction_from(list, list->begin, list->sides[0]);
    struct position theirs = direction_from(list, list->begin, list->sides[1]);
    enum statement_id plain = list->backwards ? STATEMENT_DIALOG_BEFORE : STATEMENT_DIALOG_AFTER;
    query_init(query, &list->request, statement_for(list, plain), NULL);
    query_set_uuid(query, 0, &list->user);
    query_set_uuid(query, 1, &list->peer);
    query_set_time(query, 2, mine.created_us);
    query_set_int64(query, 3, mine.id);
    query_set_time(query, 4, theirs.created_us);
    query_set_int64(query, 5, theirs.id);
    query_set_int64(query, 6, list->rows + 1);
    engine_query(list->request.engine, query);
}

/*
 * The directions of a feed: 0, what the user wrote; 1, what the user got. Neither goes to a worker of its own: the
 * first is in all shards, and the second, for its index, names the recipient twice, which Citus plans with the values
 * only.
 */
static void feed_query(struct list *list, int direction)
{
    static const enum statement_id statements[2][2] = {{STATEMENT_FEED_FROM_AFTER, STATEMENT_FEED_FROM_BEFORE},
                                                       {STATEMENT_FEED_TO_AFTER, STATEMENT_FEED_TO_BEFORE}};
    struct query *query = &list->request.queries[direction];
    struct position from = direction_from(list, list->begin, list->sides[direction]);
    query_init(query, &list->request, statements[direction][list->backwards], NULL);
    query_set_uuid(query, 0, &list->user);
    query_set_time(query, 1, from.created_us);
    query_set_int64(query, 2, from.id);
    query_set_int64(query, 3, list->rows);
    engine_query(list->request.engine, query);
}

static void page_ask(struct list *list)
{
    bool self = dlg_uuid_compare(&list->user, &list->peer) == 0;
    list->together = !self && !list->feed && !list->request.engine->topology.is_citus;
    list->request.step = list_done;
    if (list->feed) {
        feed_query(list, 0);
        feed_query(list, 1);
        return;
    }
    if (list->together) {
        dialog_query(list);
        return;
    }
    direction_query(list, 0, &list->user, &list->peer);
    if (!self)
        direction_query(list, 1, &list->peer, &list->user);
}

static void list_begin(struct request *request)
{
    struct list *list = (struct list *)request;
    list->settled_us = watermark_settled_us(request->engine);
    list->rows = list->limit + 1;
    list->until = POSITION_LAST;
    list->begin = list->backwards ? list->from.at : cursor_resume(&list->from, list->settled_us, &list->until);
    list->rows += list->backwards ? 0 : list->from.count;
    page_ask(list);
}

/*
 * A feed is followed from its newest page on: from the nodes' clocks on nothing may be missed. A client that was just
 * opened does not know them yet. It waits for them, but leaves half of the time for the page.
 */
static bool awaits_clocks(struct list *list)
{
    enum { MOST_US = 5000000 };
    if (!list->feed || !list->backwards)
        return false;
    struct engine *engine = list->request.engine;
    int64_t half_us = (list->request.deadline_us - engine->now_us) / 2;
    if (!list->clocks_until_us)
        list->clocks_until_us = engine->now_us + (half_us < MOST_US ? half_us : MOST_US);
    return engine->now_us < list->clocks_until_us && watermark_await_clocks(engine, &list->request);
}

/* A page that is read forwards, or remembers many messages, is to be followed: it needs the watermark. */
static void list_start(struct request *request)
{
    struct list *list = (struct list *)request;
    bool follows = !list->backwards || list->feed || list->limit > CURSOR_SEEN;
    if (awaits_clocks(list))
        return;
    request->step = list_begin;
    if (!follows || !watermark_await(request->engine, request))
        list_begin(request);
}

static void list_destroy(struct request *request)
{
    struct list *list = (struct list *)request;
    dlg_page_free(list->page);
    free(list->known);
}

static size_t page_size(const dlg_page *page)
{
    size_t size = sizeof *page + page->count * sizeof *page->messages;
    for (int i = 0; i < 2; i++)
        size += page->directions[i] ? PQresultMemorySize(page->directions[i]) : 0;
    for (size_t i = 0; page->texts && i < page->count; i++)
        size += page->messages[i].length + 1;
    return size;
}

static size_t list_settle(struct request *request)
{
    const struct list *list = (struct list *)request;
    return sizeof *list + (list->page ? page_size(list->page) : 0);
}

/* ---- Calls ---- */

static int options_check(const dlg_list_options *options, dlg_error **error)
{
    if (options->limit < 1 || options->limit > DLG_PAGE_LIMIT)
        return error_set(error, DLG_E_ARGUMENT, "limit is out of range: give 1 to %d", DLG_PAGE_LIMIT);
    if (options->before && options->after)
        return error_set(error, DLG_E_ARGUMENT, "before and after exclude each other: give one of them");
    return DLG_OK;
}

static int options_read(struct list *list, const dlg_list_options *given, dlg_error **error)
{
    dlg_list_options options;
    int code = versioned_read(&versioned_list_options, &options, given, error);
    if (code == DLG_OK)
        code = options_check(&options, error);
    if (code != DLG_OK)
        return code;
    list->timeout_us = options.timeout_us;
    list->limit = options.limit;
    list->backwards = !options.after;
    const char *text = options.after ? options.after : options.before ? options.before : "";
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
    list->request.settle = list_settle;
    list->user = *user;
    list->peer = *peer;
    list->feed = uuid_is_nil(peer);
    int order = list->feed ? -1 : dlg_uuid_compare(user, peer);
    list->sides[0] = order > 0;
    list->sides[1] = order < 0;
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
        return error_set(error, DLG_E_ARGUMENT,
                         "both users of a dialog must be given, and neither may be the nil UUID");
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
        return error_set(error, DLG_E_ARGUMENT, "no user of the feed given, or the nil UUID");
    if (client->settings->feed != FEED_ON)
        return error_set(error, DLG_E_STATE, "this client has no feeds: open it with the setting feed=on");
    return request_make(user, &everybody, options, request, error);
}

dlg_page *list_take(struct request *request)
{
    struct list *list = (struct list *)request;
    dlg_page *page = list->page;
    list->page = NULL;
    return page;
}

static int64_t timeout_of(const struct request *request)
{
    return ((const struct list *)request)->timeout_us;
}

static int list_call(dlg_client *client, struct request *request, dlg_page **page, dlg_error **error)
{
    int code = engine_call(&client->engine, request, timeout_of(request), error);
    if (code == DLG_OK)
        *page = list_take(request);
    request_release(request);
    return code;
}

int dlg_list(dlg_page **page, dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer,
             const dlg_list_options *options, dlg_error **error)
{
    struct request *request;
    if (!page)
        return error_set(error, DLG_E_ARGUMENT, "dlg_list() needs the address of a pointer for the page");
    int code = list_new(client, user, peer, options, &request, error);
    return code == DLG_OK ? list_call(client, request, page, error) : code;
}

int dlg_feed(dlg_page **page, dlg_client *client, const dlg_uuid *user, const dlg_list_options *options,
             dlg_error **error)
{
    struct request *request;
    if (!page)
        return error_set(error, DLG_E_ARGUMENT, "dlg_feed() needs the address of a pointer for the page");
    int code = feed_new(client, user, options, &request, error);
    return code == DLG_OK ? list_call(client, request, page, error) : code;
}

int dlg_feed_async(dlg_client *client, const dlg_uuid *user, const dlg_list_options *options, dlg_callback callback,
                   void *payload, dlg_error **error)
{
    struct request *request;
    int code = feed_new(client, user, options, &request, error);
    if (code != DLG_OK)
        return code;
    return engine_post(&client->engine, request, timeout_of(request), callback, payload, error);
}

int dlg_list_async(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, const dlg_list_options *options,
                   dlg_callback callback, void *payload, dlg_error **error)
{
    struct request *request;
    int code = list_new(client, user, peer, options, &request, error);
    if (code != DLG_OK)
        return code;
    return engine_post(&client->engine, request, timeout_of(request), callback, payload, error);
}

const dlg_page *dlg_reply_page(const dlg_reply *reply)
{
    const struct request *request = reply_as(reply, REQUEST_LIST);
    return request ? ((const struct list *)request)->page : NULL;
}
