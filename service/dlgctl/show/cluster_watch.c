#include "show/cluster_watch.h"

#include "show/cluster_show.h"

#include <stdio.h>
#include <string.h>

void watch_begin(struct cluster_watch *watch, const struct dlgctl *ctl, const char *what, bool stoppable)
{
    *watch = (struct cluster_watch){.ctl = ctl, .stoppable = stoppable};
    progress_begin(&watch->bar, what, ctl->quiet);
    if (stoppable)
        dlgctl_catch_stop();
}

static void tell_failure(struct cluster_watch *watch, const dlg_cluster_progress *now)
{
    bool news = now->retries && (now->retries != watch->retries || now->shard != watch->shard);
    watch->retries = now->retries;
    watch->shard = now->shard;
    if (!news)
        return;
    progress_clear(&watch->bar);
    dlgctl_complain(watch->ctl, "moving shard %lld from %s to %s failed, attempt %u: %s", (long long)now->shard,
                    now->source, now->target, now->retries, now->message);
}

static void describe(const dlg_cluster_progress *now, char *text, size_t size)
{
    char way[128] = "";
    if (now->shard && *now->target && strcmp(now->source, now->target) != 0)
        snprintf(way, sizeof way, ", shard %lld to %s", (long long)now->shard, now->target);
    if (now->moves_total)
        snprintf(text, size, "%u of %u, %s of %s%s: %s", now->moves_done, now->moves_total,
                 cluster_size(now->bytes_done), cluster_size(now->bytes_total), way, now->phase);
    else if (now->rows_total)
        snprintf(text, size, "%s of about %s rows: %s", progress_number(now->rows_done),
                 progress_number(now->rows_total), now->phase);
    else
        snprintf(text, size, "%s", now->phase);
}

int watch_show(const dlg_cluster_progress *now, void *payload)
{
    struct cluster_watch *watch = payload;
    char text[512];
    bool bytes = now->bytes_total > 0;
    tell_failure(watch, now);
    describe(now, text, sizeof text);
    progress_say(&watch->bar, text, bytes ? now->bytes_done : now->rows_done,
                 bytes ? now->bytes_total : now->rows_total);
    return watch->stoppable && dlgctl_stopped();
}

int watch_finish(struct cluster_watch *watch, int code, dlg_error *error, const char *done)
{
    progress_clear(&watch->bar);
    if (code != DLG_OK)
        return dlgctl_fail(watch->ctl, error);
    puts(done);
    return DLGCTL_OK;
}
