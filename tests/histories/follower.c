/*
 * Followers: each thread follows one dialog, or one user's feed, by cursor. Every second one begins at the newest page,
 * a little later; the others begin with the first message.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>

enum { LATER_US = 4000000, POLLS_LOGGED_US = 500000, NAME = 64, FAILED_PAUSE_US = 100000 };
enum { LEAST_PAGE = 10 }; /* a follower has to keep up */

struct stream {
    struct range range;
    char name[NAME];
    char cursor[API_CURSOR];
    int64_t logged_us; /* when polls were logged last */
    int polls;         /* that found nothing, since then */
};

static void log_polls(struct worker *worker, struct stream *stream)
{
    int64_t now_us = journal_now_us();
    if (now_us - stream->logged_us < POLLS_LOGGED_US || stream->polls == 0)
        return;
    journal_write(worker->recorder->journal, "\"t\":\"poll\",\"s\":\"%s\",\"e\":%lld,\"polls\":%d", stream->name,
                  (long long)now_us, stream->polls);
    stream->logged_us = now_us;
    stream->polls = 0;
}

/* False when it failed. */
static bool poll_stream(struct worker *worker, struct stream *stream, struct view *view)
{
    char begin[160];
    int64_t began_us = journal_now_us();
    api_list(worker->recorder->api, &stream->range, view);
    if (view->outcome.code == 0 && view->count == 0 && stream->range.after && *stream->range.after) {
        stream->polls++;
    } else {
        snprintf(begin, sizeof begin, "\"t\":\"see\",\"s\":\"%s\",\"b\":%lld,\"e\":%lld", stream->name,
                 (long long)began_us, (long long)journal_now_us());
        journal_write_view(worker->recorder->journal, begin, view);
    }
    log_polls(worker, stream);
    if (view->outcome.code)
        return false;
    snprintf(stream->cursor, sizeof stream->cursor, "%s", view->after);
    stream->range.after = stream->cursor;
    return true;
}

static void log_follow(struct worker *worker, const struct stream *stream, const char *kind, bool newest)
{
    journal_write(worker->recorder->journal,
                  "\"t\":\"follow\",\"s\":\"%s\",\"kind\":\"%s\",\"u\":%d,\"w\":%d,\"how\":\"%s\",\"b\":%lld",
                  stream->name, kind, stream->range.user, stream->range.peer, newest ? "newest" : "oldest",
                  (long long)journal_now_us());
}

static void follow(struct worker *worker, struct stream *stream, const char *kind)
{
    bool newest = worker->number % 2;
    if (newest)
        sleep_us(worker_random(worker, LATER_US));
    struct view view = {0};
    stream->range.limit = LEAST_PAGE + worker_random(worker, API_PAGE + 1 - LEAST_PAGE);
    stream->range.after = newest ? NULL : "";
    snprintf(stream->name, sizeof stream->name, "%s:%d.%d", kind, worker->recorder->process, worker->number);
    log_follow(worker, stream, kind, newest);
    do {
        bool first = !stream->range.after;
        while (poll_stream(worker, stream, &view) && view.more && !first && !recorder_ending(worker->recorder))
            first = false;
        if (view.outcome.code)
            sleep_us(FAILED_PAUSE_US);
    } while (worker_pause(worker));
    journal_write(worker->recorder->journal, "\"t\":\"left\",\"s\":\"%s\",\"e\":%lld", stream->name,
                  (long long)journal_now_us());
}

void follow_dialog(struct worker *worker)
{
    int users = worker->recorder->users;
    struct stream stream = {.range = {.user = worker_random(worker, users), .peer = worker_random(worker, users)}};
    follow(worker, &stream, "dialog");
}

void follow_feed(struct worker *worker)
{
    struct stream stream = {.range = {.user = worker_random(worker, worker->recorder->users), .peer = -1}};
    follow(worker, &stream, "feed");
}
