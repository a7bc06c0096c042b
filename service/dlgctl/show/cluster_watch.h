/* cluster_watch.h - shows how far administrative work on a cluster has come, and how it ended. */
#ifndef DLGCTL_CLUSTER_WATCH_H
#define DLGCTL_CLUSTER_WATCH_H

#include "cli/context.h"
#include "show/progress.h"

struct cluster_watch {
    const struct dlgctl *ctl;
    struct progress bar;
    bool stoppable; /* Ctrl-C ends the work, not only the watching */
    uint32_t retries;
    int64_t shard;
};

void watch_begin(struct cluster_watch *watch, const struct dlgctl *ctl, const char *what, bool stoppable);

/* A dlg_cluster_progress_fn; the payload is a struct cluster_watch. */
int watch_show(const dlg_cluster_progress *now, void *payload);

/* Says what was done, or what went wrong. The status to end with. */
int watch_finish(struct cluster_watch *watch, int code, dlg_error *error, const char *done);

#endif
