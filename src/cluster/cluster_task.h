/*
 * cluster_task.h - a piece of administrative task on a cluster: one call of dlg_cluster_*, on the caller's thread or on
 * the client's administrative one. A run is a list of blocking steps on a session with the coordinator; each step
 * returns a DLG_E_* code and leaves its text in the task's error.
 */
#ifndef DIALOGS_CLUSTER_TASK_H
#define DIALOGS_CLUSTER_TASK_H

#include "client/client.h"
#include "pg/node_address.h"

enum { CLUSTER_TEXT = 512 };

/* What a call was given, copied. */
struct cluster_options {
    int32_t shard_count;
    uint32_t flags;
    dlg_rebalance_strategy strategy;
    dlg_transfer_mode mode;
    int32_t retries;
    dlg_uuid recipient;
    char host[256];
    int32_t port;
    char port_text[8];
    char coordinator_host[256];
    int32_t coordinator_port;
};

struct cluster_task {
    struct request request; /* what makes it a reply; used by an asynchronous call only */
    struct job job;
    dlg_client *client;
    int (*run)(struct cluster_task *task);
    struct cluster_options options;
    int64_t deadline_us; /* monotonic; INT64_MAX: none */

    dlg_cluster_progress_fn report;
    void *payload;
    dlg_cluster_progress progress;

    PGconn *conn;               /* the coordinator */
    PGconn *watch;              /* another session with it, opened when needed: looks on while `conn` works */
    char warning[CLUSTER_TEXT]; /* what the server warned of last */
    char citus[32];             /* the coordinator's version */
    char role[64];              /* who we are */
    bool superuser;
    dlg_error *error;

    void *notes;           /* of the run and its ticks */
    dlg_cluster *snapshot; /* as it was before anything was done; NULL: nobody looked */

    dlg_cluster *cluster; /* results */
    dlg_rebalance *rebalance;
    int64_t shard;
};

/* ---- Calls ---- */

/* Work for a client. */
int cluster_task_new(dlg_client *client, int (*run)(struct cluster_task *), dlg_cluster_progress_fn report,
                     void *payload, struct cluster_task **task, dlg_error **error);

/* Runs it on this thread. The caller takes the results and then releases the task. */
int cluster_call(struct cluster_task *task, dlg_error **error);
void cluster_release(struct cluster_task *task);

/* Runs it on the administrative thread; the reply has the results. Takes the task over. */
int cluster_post(struct cluster_task *task, dlg_callback callback, dlg_error **error);

/* The task behind a reply that succeeded, or NULL. */
const struct cluster_task *cluster_reply(const dlg_reply *reply);

/* Forgets the shard on its way; nothing of the progress is in anybody's memory any more. */
void cluster_progress_clear(struct cluster_task *task);

/* Copy what the call was given. DLG_E_ARGUMENT: options of another version, or values out of range. */
void cluster_take_timeout(struct cluster_task *task, int64_t timeout_us);
int cluster_take_host(struct cluster_task *task, const char *host, int32_t port, dlg_error **error);
int cluster_take_mode(struct cluster_task *task, dlg_transfer_mode mode, dlg_error **error);
int cluster_take_rebalance(struct cluster_task *task, const dlg_rebalance_options *options, dlg_error **error);

#endif
