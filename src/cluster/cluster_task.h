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

/* Copy what the call was given. DLG_E_ARGUMENT: options of another version, or values out of range. */
int cluster_take_timeout(struct cluster_task *task, int64_t timeout_us, dlg_error **error);
int cluster_take_host(struct cluster_task *task, const char *host, int32_t port, dlg_error **error);
int cluster_take_mode(struct cluster_task *task, dlg_transfer_mode mode, dlg_error **error);
int cluster_take_rebalance(struct cluster_task *task, const dlg_rebalance_options *options, dlg_error **error);

/* ---- Steps ---- */

/* Connects. DLG_E_NOT_CLUSTER, DLG_E_PRECONDITION (a worker, an old Citus). */
int cluster_connect(struct cluster_task *task);

/* DLG_E_NOT_CLUSTER unless `dialogs` is distributed. */
int cluster_need_distributed(struct cluster_task *task);

/* DLG_E_PRECONDITION unless we are a superuser; `what` needs one. */
int cluster_need_superuser(struct cluster_task *task, const char *what);

/* Forgets the shard on its way; nothing of the progress is in anybody's memory any more. */
void cluster_progress_clear(struct cluster_task *task);

/* Says what is being done. DLG_E_CANCELLED when the callback wants no more; also the deadline, and closing. */
int cluster_phase(struct cluster_task *task, const char *phase);
int cluster_report(struct cluster_task *task);

/*
 * A short question, or a statement that asks every node, on `conn` or the watching session. NULL on failure. A number
 * of parameters in `values`.
 */
PGresult *cluster_query(struct cluster_task *task, PGconn *conn, const char *sql, int count, const char *const *values);

/* A statement without result. */
int cluster_execute(struct cluster_task *task, const char *sql, int count, const char *const *values);

/* A statement that may take hours; `tick` is called meanwhile. Cancelled when the task is to end. NULL on failure. */
PGresult *cluster_long_query(struct cluster_task *task, const char *sql, int count, const char *const *values,
                             int (*tick)(void *task, dlg_error **error));

/* The watching session; NULL on failure, with an error. */
PGconn *cluster_watch(struct cluster_task *task);

/* Connects again after the connection was lost. */
int cluster_reconnect(struct cluster_task *task);

/* Sets the task's error and returns the code. */
int cluster_fail(struct cluster_task *task, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Statements that clean up after an error: what they fail with is dropped, the error stays. */
void cluster_attempt(struct cluster_task *task, const char *sql, int count, const char *const *values);

/* Statistics of the tables: shards that were filled, or have arrived, have none yet. What goes wrong is no harm. */
void cluster_analyze(struct cluster_task *task, bool users);

/* The client asks for the map of shards. */
void cluster_refresh(struct cluster_task *task);

/* Names of Citus. */
const char *cluster_mode_name(dlg_transfer_mode mode);
const char *cluster_strategy_name(dlg_rebalance_strategy strategy);

/* Fields of an answer; NULL reads as 0, "". */
int64_t field_number(const PGresult *result, int row, int column);
double field_real(const PGresult *result, int row, int column);
bool field_bool(const PGresult *result, int row, int column);
const char *field_text(const PGresult *result, int row, int column);

#endif
