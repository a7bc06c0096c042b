/* The reader: newest pages, pages further back, and walks over whole dialogs. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

enum { WALK_PAGE = 100, BACK_PAGES = 3 };

/* ---- Pages ---------------------------------------------------------------------------------- */

static void read_page(struct worker *worker, const struct range *range, const struct entry *below, struct view *view)
{
    char begin[220];
    int64_t began_us = journal_now_us();
    api_list(worker->recorder->api, range, view);
    snprintf(begin, sizeof begin, "\"t\":\"list\",\"u\":%d,\"w\":%d,\"b\":%lld,\"e\":%lld,\"below\":[%lld,%lld]",
             range->user, range->peer, (long long)began_us, (long long)journal_now_us(),
             (long long)(below ? below->created_us : 0), (long long)(below ? below->id : 0));
    journal_write_view(worker->recorder->journal, begin, view);
}

/* The newest page, and a few before it. */
static void read_back(struct worker *worker, int user, int peer)
{
    struct range range = {.user = user, .peer = peer, .limit = 1 + worker_random(worker, API_PAGE)};
    struct view view = {0};
    struct entry below;
    char cursor[API_CURSOR];
    read_page(worker, &range, NULL, &view);
    for (int i = worker_random(worker, BACK_PAGES); i > 0 && view.outcome.code == 0 && view.more && view.count; i--) {
        below = view.entries[0];
        snprintf(cursor, sizeof cursor, "%s", view.before);
        range.before = cursor;
        read_page(worker, &range, &below, &view);
    }
}

/* ---- Walks ---------------------------------------------------------------------------------- */

struct walk {
    size_t count, room;
    struct entry *entries;
};

static void on_walked(const struct entry *entry, void *payload)
{
    struct walk *walk = payload;
    if (walk->count == walk->room) {
        walk->room = walk->room ? walk->room * 2 : 1024;
        walk->entries = realloc(walk->entries, walk->room * sizeof *walk->entries);
        if (!walk->entries)
            abort();
    }
    walk->entries[walk->count++] = *entry;
}

/* One line a page's worth of messages; the last one ends the walk. */
static void log_walk(struct recorder *recorder, const struct walk *walk, const char *begin)
{
    struct view view = {.more = true};
    size_t i = 0;
    do {
        for (view.count = 0; view.count < API_PAGE && i < walk->count; view.count++)
            view.entries[view.count] = walk->entries[i++];
        view.more = i < walk->count;
        journal_write_view(recorder->journal, begin, &view);
    } while (i < walk->count);
}

static void walk_dialog(struct worker *worker, int user, int peer)
{
    struct recorder *recorder = worker->recorder;
    struct range range = {.user = user, .peer = peer, .limit = WALK_PAGE};
    struct walk walk = {0};
    struct view failed = {0};
    char begin[160];
    int64_t began_us = journal_now_us();
    api_walk(recorder->api, &range, on_walked, &walk, &failed.outcome);
    snprintf(begin, sizeof begin, "\"t\":\"walk\",\"u\":%d,\"w\":%d,\"b\":%lld,\"e\":%lld", user, peer,
             (long long)began_us, (long long)journal_now_us());
    if (failed.outcome.code)
        journal_write_view(recorder->journal, begin, &failed);
    else
        log_walk(recorder, &walk, begin);
    free(walk.entries);
}

void read_pages(struct worker *worker)
{
    int users = worker->recorder->users;
    do {
        int user = worker_random(worker, users), peer = worker_random(worker, users);
        if (worker_random(worker, 50) == 0)
            walk_dialog(worker, user, peer);
        else
            read_back(worker, user, peer);
    } while (worker_pause(worker));
}
