/* cluster.h - administration of a Citus cluster. <dialogs.h> explains the conventions. */
#ifndef DLG_CLUSTER_H
#define DLG_CLUSTER_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Cluster -------------------------------------------------------------------------------------------- */

/*
 * How far administrative work on a Citus cluster (11.2 or later) has come. The library owns it. May grow.
 *
 * On a cluster, shards hold `dialogs` by the hash of the recipient and `users` by the hash of the user. The shards are
 * spread over worker nodes. Terms and functions are those of the Citus documentation (docs.citusdata.com:
 * "Citus Utility Functions", "Cluster Management").
 *
 * The client has to be connected to the coordinator. These calls use connections of their own and hold up no other
 * request. A blocking call works on the caller's thread. The client runs the work of all _async calls on one
 * thread, one after the other. It calls progress callbacks on the thread that works, with the payload of the
 * call. They may make any call but dlg_close().
 *
 *   Timeouts  0 means the timeout of the calling thread, see dlg_thread_timeout(), and no limit where that is 0 too. A
 *             negative timeout means no limit. When a positive timeout passes, the call ends with DLG_E_TIMEOUT.
 *   Closing   dlg_close() ends these calls with DLG_E_CLOSED. The servers go on with a rebalance that was
 *             started, and undo every other change.
 *   Map       After a change of the cluster this client asks for the new map of shards at once. Other clients
 *             learn of moved shards within seconds. Until then they reach the right rows by one more hop.
 *
 * Errors of each call: DLG_E_NOT_CLUSTER (no extension, or no distributed tables where shards are needed),
 * DLG_E_PRECONDITION (the text has the statement that repairs it), DLG_E_STATE (inside a callback of the I/O
 * thread), DLG_E_UNAVAILABLE, DLG_E_TIMEOUT, DLG_E_DATABASE, DLG_E_CLOSED, DLG_E_MEMORY. Comments name the other codes.
 */
typedef struct dlg_cluster_progress {
    const char *phase;    /* what is being done: "checking", or a phase of Citus such as "Copying Data" */
    uint32_t moves_done;  /* shards, each with those that are colocated with it */
    uint32_t moves_total; /* 0: not known, or nothing is moved */
    uint64_t bytes_done;  /* of the shards to move */
    uint64_t bytes_total; /* as large as they were at the beginning; 0: not known */
    uint64_t rows_done;   /* distribute: rows copied into shards, at least */
    uint64_t rows_total;  /* estimated; 0: not known */
    int64_t shard;        /* on its way; 0: none */
    const char *source;   /* "host:port" that it leaves, or "" */
    const char *target;   /* ... and where it goes to, or "" */
    uint32_t retries;     /* how often that move has failed so far */
    const char *message;  /* ... and why the last time, or "" */
} dlg_cluster_progress;

/*
 * Is called a few times a second. Texts are valid during the call.
 *
 * Returns 0 to go on. Any other value stops the work with DLG_E_CANCELLED. The servers stop a rebalance, keep its
 * finished moves and remove what the unfinished one left. Other work is undone. What may leave it is said at dlg_progress_fn.
 */
typedef int (*dlg_cluster_progress_fn)(const dlg_cluster_progress *progress, void *payload);

/* The status of a cluster at one moment. */
typedef struct dlg_cluster dlg_cluster;

/* One node. Numbers are 0 and texts "" where the node did not answer. May grow. */
typedef struct dlg_cluster_node {
    int32_t group;    /* Citus's number; 0 is the coordinator */
    const char *host; /* as the nodes reach it among themselves */
    int32_t port;
    const char *role;        /* "coordinator" or "worker" */
    int active;              /* 0: disabled in the metadata */
    int takes_shards;        /* 1: shards are placed on it, and moved to it (`shouldhaveshards`) */
    int answers;             /* 1: the coordinator reaches it */
    int reachable;           /* 1: this client does too, there or where the setting node_addresses says */
    const char *unreachable; /* why not, or "" */
    int ready;               /* 1: nothing of this node stands in the way of a rebalance; see the problems */
    uint32_t shards;         /* of `dialogs` */
    uint64_t bytes;          /* of the shards of all colocated tables, with indexes */
    uint64_t rows;           /* messages, estimated by the planner's statistics */
    const char *postgresql;  /* version, "15.8" */
    const char *citus;       /* version, "13.2.0" */
    const char *wal_level;   /* "logical" is needed to move shards away while people write */
    int64_t clock_offset_us; /* how far its clock is ahead of the coordinator's, to about info.clock_margin_us */
} dlg_cluster_node;

/* The cluster as a whole. May grow. */
typedef struct dlg_cluster_info {
    int distributed;       /* 1: `dialogs` is in shards; else most of what follows is 0 */
    int users_distributed; /* 1: `users` too, colocated with `dialogs` */
    const char *citus;     /* version of the coordinator */
    uint32_t shards;       /* of `dialogs` */
    uint32_t colocation;   /* Citus's number of the group of tables whose shards move together */
    uint64_t bytes;
    uint64_t rows;           /* messages, estimated by the planner's statistics */
    uint32_t unknown_shards; /* shards without statistics: they are missing in `rows` and among the hottest;
                                ANALYZE public.dialogs cures that */
    double skew_bytes;       /* the largest node compared with the mean of those that take shards; 1 is even */
    double skew_rows;
    uint64_t routed; /* as in dlg_stats: this client's statements that went to the owner of the shard */
    uint64_t fallback;
    uint64_t stale;
    int64_t clock_margin_us; /* how long it took to ask the nodes for their clocks; -1: some node did not answer */
    int64_t clock_skew_us;   /* the clocks of two nodes differ by this at least: what the margin leaves of the
                                difference. Above 1 s, let time servers set the nodes' clocks: messages are stamped by
                                the clock of the node that stores them */
} dlg_cluster_info;

/* The state of a rebalance. */
typedef enum dlg_job_state {
    DLG_JOB_STATE_NONE = 0,
    DLG_JOB_STATE_SCHEDULED = 1,
    DLG_JOB_STATE_RUNNING = 2,
    DLG_JOB_STATE_FINISHED = 3,
    DLG_JOB_STATE_CANCELLING = 4,
    DLG_JOB_STATE_CANCELLED = 5,
    DLG_JOB_STATE_FAILING = 6,
    DLG_JOB_STATE_FAILED = 7
} dlg_job_state;

/* Returns the name of a state, such as "running". Static. */
DLG_API const char *dlg_job_state_name(dlg_job_state state);

/* Something that stands in the way of a rebalance. May grow. */
typedef struct dlg_cluster_problem {
    const char *check;  /* one word: "wal_level", "primary_key", "reachable", "slots", "owner", ... */
    const char *node;   /* "host:port" of the node that it is about; "" when of the whole cluster */
    const char *text;   /* what is wrong */
    const char *repair; /* the statement, or what else to do, and where */
} dlg_cluster_problem;

/* A recipient with many messages, by the planner's statistics (pg_stats). May grow. */
typedef struct dlg_hot_recipient {
    dlg_uuid recipient;
    uint64_t rows; /* messages to that user, estimated */
    int64_t shard; /* of `dialogs` */
    int32_t group; /* the node that has it */
    int isolated;  /* 1: the shard has this user only */
} dlg_hot_recipient;
#define DLG_HOT_RECIPIENTS 10 /* most in a status */

/* Something that a move left behind, until Citus removes it (pg_dist_cleanup). May grow. */
typedef struct dlg_cluster_leftover {
    const char *kind; /* "shard", "subscription", "slot", "publication", "role" */
    const char *name;
    int32_t group;
} dlg_cluster_leftover;

/*
 * Reads the status of the cluster: nodes, shards, sizes, the rebalance that runs, what stands in the way of one, the
 * hottest recipients. It takes longer when a node does not answer. A database with the extension but without
 * distributed tables has a status too.
 *
 *   cluster  receives the status, to be freed with dlg_cluster_free().
 */
DLG_API int dlg_cluster_status(dlg_cluster **cluster, dlg_client *client, dlg_error **error);

/* Starts what dlg_cluster_status() does. The reply has dlg_reply_cluster(). */
DLG_API int dlg_cluster_status_async(dlg_client *client, dlg_callback callback, void *payload, dlg_error **error);

/* Returns the status, borrowed from the reply; NULL unless a status succeeded. */
DLG_API const dlg_cluster *dlg_reply_cluster(const dlg_reply *reply);

/* Frees a status. NULL is fine. */
DLG_API void dlg_cluster_free(dlg_cluster *cluster);

/* Returns what is known of the cluster as a whole, borrowed. */
DLG_API const dlg_cluster_info *dlg_cluster_describe(const dlg_cluster *cluster);

/* Returns how many nodes the cluster has. */
DLG_API size_t dlg_cluster_node_count(const dlg_cluster *cluster);

/* Returns how many problems stand in the way of a rebalance. */
DLG_API size_t dlg_cluster_problem_count(const dlg_cluster *cluster);

/* Returns how many hot recipients are known, up to DLG_HOT_RECIPIENTS. */
DLG_API size_t dlg_cluster_hot_count(const dlg_cluster *cluster);

/* Returns how many leftovers of moves there are. */
DLG_API size_t dlg_cluster_leftover_count(const dlg_cluster *cluster);

/* Returns node `index` in the order of groups, borrowed; NULL past the end. */
DLG_API const dlg_cluster_node *dlg_cluster_node_at(const dlg_cluster *cluster, size_t index);

/* Returns problem `index`, borrowed; NULL past the end. */
DLG_API const dlg_cluster_problem *dlg_cluster_problem_at(const dlg_cluster *cluster, size_t index);

/* Returns hot recipient `index`, the hottest first, borrowed; NULL past the end. */
DLG_API const dlg_hot_recipient *dlg_cluster_hot_at(const dlg_cluster *cluster, size_t index);

/* Returns leftover `index`, borrowed; NULL past the end. */
DLG_API const dlg_cluster_leftover *dlg_cluster_leftover_at(const dlg_cluster *cluster, size_t index);

/* Returns the state of the rebalance that was started last. */
DLG_API dlg_job_state dlg_cluster_job_state(const dlg_cluster *cluster);

/* Returns how far the rebalance has come, borrowed; NULL unless one is under way. */
DLG_API const dlg_cluster_progress *dlg_cluster_job(const dlg_cluster *cluster);

/* ---- Distributing --------------------------------------------------------------------------------------- */

/* Options of dlg_cluster_distribute(). */
typedef struct dlg_distribute_options {
    uint32_t version;
    int32_t shard_count; /* 1 to 64000; many times the number of nodes to come */
    int64_t timeout_us;  /* 0: as the thread has it; negative: without limit */
} dlg_distribute_options;
#define DLG_DISTRIBUTE_OPTIONS_VERSION 1
#define DLG_DISTRIBUTE_OPTIONS_INIT {DLG_DISTRIBUTE_OPTIONS_VERSION, 32, 0}

/* Initialises `options` as DLG_DISTRIBUTE_OPTIONS_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_distribute_options_init(dlg_distribute_options *options, uint32_t version);

/*
 * Distributes `dialogs` by recipient and, colocated, `users` by id (create_distributed_table). It moves the rows
 * that exist into the shards and empties the local tables (truncate_local_data_after_distributing_table). It is one
 * transaction, and writers wait while it runs. A `users` table of a host program has another shape and is left
 * alone. When only `dialogs` is distributed already, `users` follows.
 *
 *   options   NULL, or DLG_DISTRIBUTE_OPTIONS_INIT with changes.
 *   progress  NULL, or is called with `payload`.
 *
 * Errors: DLG_E_STATE (both are distributed already), DLG_E_SCHEMA (there are no tables), DLG_E_CANCELLED.
 */
DLG_API int dlg_cluster_distribute(dlg_client *client, const dlg_distribute_options *options,
                                   dlg_cluster_progress_fn progress, void *payload, dlg_error **error);

/* Starts what dlg_cluster_distribute() does. The reply has its code only. */
DLG_API int dlg_cluster_distribute_async(dlg_client *client, const dlg_distribute_options *options,
                                         dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                         dlg_error **error);

/*
 * Takes all rows back into plain tables on the coordinator, which needs room for them. It is one transaction, and
 * writers wait. Constraints, indexes and privileges stay. Drop a view on `dialogs` before. (Citus's own
 * undistribute_table() refuses tables with identity columns.)
 *
 *   timeout_us  0: as the thread has it. Negative: without limit.
 *   progress    NULL, or is called with `payload`.
 *
 * Errors: DLG_E_NOT_CLUSTER, DLG_E_CANCELLED.
 */
DLG_API int dlg_cluster_undistribute(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress,
                                     void *payload, dlg_error **error);

/* Starts what dlg_cluster_undistribute() does. The reply has its code only. */
DLG_API int dlg_cluster_undistribute_async(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress,
                                           dlg_callback callback, void *payload, dlg_error **error);

/* ---- Nodes ---------------------------------------------------------------------------------------------- */

/* Options of dlg_cluster_add_node(). */
typedef struct dlg_node_options {
    uint32_t version;
    uint32_t flags;               /* DLG_NODE_* */
    const char *coordinator_host; /* how the new node reaches the coordinator, should that not be registered
                                     yet; NULL: as this client does */
    int32_t coordinator_port;     /* 0: as this client does */
    int64_t timeout_us;           /* 0: as the thread has it; negative: without limit */
} dlg_node_options;
#define DLG_NODE_OPTIONS_VERSION 1
#define DLG_NODE_OPTIONS_INIT {DLG_NODE_OPTIONS_VERSION, 0, NULL, 0, 0}
#define DLG_NODE_ANY_WAL_LEVEL 1u /* also a node from which no shard can be moved away while people write */

/* Initialises `options` as DLG_NODE_OPTIONS_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_node_options_init(dlg_node_options *options, uint32_t version);

/*
 * Adds a worker (citus_add_node). The library first asks that node directly, with this client's user and password, at
 * its address or where the setting node_addresses says. The node must have the same version of the extension and
 * wal_level logical. It must not belong to another cluster nor have tables of these names; Citus itself does not check
 * that. The node gets no shards until dlg_cluster_rebalance().
 *
 *   host, port  how the other nodes reach it. The port is 1 to 65535.
 *   options     NULL, or DLG_NODE_OPTIONS_INIT with changes.
 *
 * Needs a superuser. Errors: DLG_E_STATE (it is in the cluster), DLG_E_ARGUMENT.
 */
DLG_API int dlg_cluster_add_node(dlg_client *client, const char *host, int32_t port, const dlg_node_options *options,
                                 dlg_error **error);

/* Starts what dlg_cluster_add_node() does. The reply has its code only. */
DLG_API int dlg_cluster_add_node_async(dlg_client *client, const char *host, int32_t port,
                                       const dlg_node_options *options, dlg_callback callback, void *payload,
                                       dlg_error **error);

/* ---- Rebalancing ---------------------------------------------------------------------------------------- */

/* How shards are copied (Citus: shard_transfer_mode). */
typedef enum dlg_transfer_mode {
    DLG_TRANSFER_MODE_AUTO = 0,          /* logical replication: writers wait for a moment; refused without a key */
    DLG_TRANSFER_MODE_FORCE_LOGICAL = 1, /* the same for tables without a key too: UPDATE and DELETE fail then */
    DLG_TRANSFER_MODE_BLOCK_WRITES = 2   /* writers of a shard wait while it is copied; never chosen by itself */
} dlg_transfer_mode;

/* What is to be even. */
typedef enum dlg_rebalance_strategy {
    DLG_REBALANCE_STRATEGY_SHARD_COUNT = 0, /* the number of shards on each node */
    DLG_REBALANCE_STRATEGY_DISK_SIZE = 1    /* their size; small differences are left as they are */
} dlg_rebalance_strategy;

/* Options of dlg_cluster_rebalance(), dlg_cluster_rebalance_wait() and dlg_cluster_remove_node(). */
typedef struct dlg_rebalance_options {
    uint32_t version;
    uint32_t flags; /* DLG_REBALANCE_DRY_RUN, DLG_REBALANCE_NO_WAIT */
    dlg_rebalance_strategy strategy;
    dlg_transfer_mode mode;
    int32_t retries;    /* how often Citus may repeat a move that fails (after 5 s, 20 s, 60 s, ...) before the
                           rebalance is stopped; -1: as often as it does by itself, about half an hour */
    int64_t timeout_us; /* 0: as the thread has it; negative: without limit. When it passes, the rebalance goes on. */
} dlg_rebalance_options;
#define DLG_REBALANCE_OPTIONS_VERSION 1
#define DLG_REBALANCE_OPTIONS_INIT \
    {DLG_REBALANCE_OPTIONS_VERSION, 0, DLG_REBALANCE_STRATEGY_SHARD_COUNT, DLG_TRANSFER_MODE_AUTO, 3, 0}
#define DLG_REBALANCE_DRY_RUN 1u /* only say which shards would be moved */
#define DLG_REBALANCE_NO_WAIT 2u /* return when it is started; see dlg_cluster_rebalance_wait() */

/* Initialises `options` as DLG_REBALANCE_OPTIONS_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_rebalance_options_init(dlg_rebalance_options *options, uint32_t version);

/* What a rebalance did, or would do. */
typedef struct dlg_rebalance dlg_rebalance;

/* One shard that moves, with those that are colocated with it. May grow. */
typedef struct dlg_shard_move {
    int64_t shard;
    uint64_t bytes;
    const char *source; /* "host:port" */
    const char *target;
} dlg_shard_move;

/* A rebalance as a whole. May grow. */
typedef struct dlg_rebalance_info {
    int64_t job; /* Citus's number; 0: nothing was to be moved, or it was a dry run */
    dlg_job_state state;
    uint32_t moves_done;
    uint32_t moves_total;
    uint64_t bytes_done;
    uint64_t bytes_total;
} dlg_rebalance_info;

/* Returns what is known of the rebalance as a whole, borrowed. */
DLG_API const dlg_rebalance_info *dlg_rebalance_describe(const dlg_rebalance *rebalance);

/* Returns how many shards were moved, or would be. */
DLG_API size_t dlg_rebalance_move_count(const dlg_rebalance *rebalance);

/* Returns move `index`, borrowed; NULL past the end. */
DLG_API const dlg_shard_move *dlg_rebalance_move_at(const dlg_rebalance *rebalance, size_t index);

/* Frees the result of a rebalance. NULL is fine. */
DLG_API void dlg_rebalance_free(dlg_rebalance *rebalance);

/* Returns the result of a call that waits for moves, borrowed from the reply; NULL for other calls. */
DLG_API const dlg_rebalance *dlg_reply_rebalance(const dlg_reply *reply);

/*
 * Spreads the shards evenly over the nodes that take shards (citus_rebalance_start), while people read and write.
 * Writers of a shard wait for a moment at the end of its move. Before anything moves, the library checks all that
 * such a move needs: the coordinator, reachable nodes, wal_level, primary keys, replication slots and worker
 * processes, ownership.
 *
 *   result    NULL, or receives what was done, to be freed with dlg_rebalance_free(). Balanced already: no moves.
 *   options   NULL, or DLG_REBALANCE_OPTIONS_INIT with changes.
 *   progress  NULL, or is called with `payload`.
 *
 * Errors: DLG_E_BUSY (shards are being moved already), DLG_E_CANCELLED (by the callback, or by somebody else),
 * DLG_E_DATABASE (a move failed, with its message; the moves done before stay, and it may be started again).
 */
DLG_API int dlg_cluster_rebalance(dlg_rebalance **result, dlg_client *client, const dlg_rebalance_options *options,
                                  dlg_cluster_progress_fn progress, void *payload, dlg_error **error);

/* Starts what dlg_cluster_rebalance() does. The reply has dlg_reply_rebalance(). */
DLG_API int dlg_cluster_rebalance_async(dlg_client *client, const dlg_rebalance_options *options,
                                        dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                        dlg_error **error);

/*
 * Waits for a rebalance that was started elsewhere or with DLG_REBALANCE_NO_WAIT. When none is under way, it returns
 * at once with the state of the last one. `retries` and `timeout_us` of the options count.
 *
 *   result    NULL, or receives what was done, to be freed with dlg_rebalance_free().
 *   progress  NULL, or is called with `payload`.
 *
 * Errors: those of dlg_cluster_rebalance().
 */
DLG_API int dlg_cluster_rebalance_wait(dlg_rebalance **result, dlg_client *client,
                                       const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                       void *payload, dlg_error **error);

/* Starts what dlg_cluster_rebalance_wait() does. The reply has dlg_reply_rebalance(). */
DLG_API int dlg_cluster_rebalance_wait_async(dlg_client *client, const dlg_rebalance_options *options,
                                             dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                             dlg_error **error);

/*
 * Stops the rebalance that is under way and removes what its unfinished move left. Finished moves stay. It returns
 * when the rebalance has stopped.
 *
 *   timeout_us  0: as the thread has it. Negative: without limit.
 *
 * Errors: DLG_E_STATE when none is under way.
 */
DLG_API int dlg_cluster_rebalance_cancel(dlg_client *client, int64_t timeout_us, dlg_error **error);

/* Starts what dlg_cluster_rebalance_cancel() does. The reply has its code only. */
DLG_API int dlg_cluster_rebalance_cancel_async(dlg_client *client, int64_t timeout_us, dlg_callback callback,
                                               void *payload, dlg_error **error);

/*
 * Removes a worker. It moves the node's shards to the others as dlg_cluster_rebalance() would, waits, and removes what
 * the moves left. It takes the cluster's metadata off the node, so that the node cannot answer from old metadata, and
 * removes the node. When it fails or is stopped before that, the node takes shards again as before.
 *
 *   result      NULL, or receives what was done, to be freed with dlg_rebalance_free().
 *   host, port  how the other nodes reach it.
 *   options     as for dlg_cluster_rebalance(). `mode`, `retries` and `timeout_us` count.
 *   progress    NULL, or is called with `payload`.
 *
 * Needs a superuser. Errors: DLG_E_STATE (no such node), and those of dlg_cluster_rebalance().
 */
DLG_API int dlg_cluster_remove_node(dlg_rebalance **result, dlg_client *client, const char *host, int32_t port,
                                    const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                    void *payload, dlg_error **error);

/* Starts what dlg_cluster_remove_node() does. The reply has dlg_reply_rebalance(). */
DLG_API int dlg_cluster_remove_node_async(dlg_client *client, const char *host, int32_t port,
                                          const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                          dlg_callback callback, void *payload, dlg_error **error);

/* ---- Isolating ------------------------------------------------------------------------------------------ */

/* Options of dlg_cluster_isolate(). */
typedef struct dlg_isolate_options {
    uint32_t version;
    dlg_transfer_mode mode;
    const char *host; /* the node that is to have the shard; NULL: the one that has the rows now */
    int32_t port;
    int64_t timeout_us; /* 0: as the thread has it; negative: without limit */
} dlg_isolate_options;
#define DLG_ISOLATE_OPTIONS_VERSION 1
#define DLG_ISOLATE_OPTIONS_INIT {DLG_ISOLATE_OPTIONS_VERSION, DLG_TRANSFER_MODE_AUTO, NULL, 0, 0}

/* Initialises `options` as DLG_ISOLATE_OPTIONS_INIT does. DLG_E_ARGUMENT for an unknown version. */
DLG_API int dlg_isolate_options_init(dlg_isolate_options *options, uint32_t version);

/*
 * Gives a recipient with very many messages a shard of its own (isolate_tenant_to_new_shard), on a node of choice
 * (citus_move_shard_placement). Colocated tables follow. When the user has such a shard already, it is only moved.
 *
 *   shard      NULL, or receives the shard of `dialogs`.
 *   recipient  the user.
 *   options    NULL, or DLG_ISOLATE_OPTIONS_INIT with changes.
 *   progress   NULL, or is called with `payload`.
 *
 * Errors: DLG_E_BUSY, DLG_E_ARGUMENT (no such node), DLG_E_CANCELLED.
 */
DLG_API int dlg_cluster_isolate(int64_t *shard, dlg_client *client, const dlg_uuid *recipient,
                                const dlg_isolate_options *options, dlg_cluster_progress_fn progress, void *payload,
                                dlg_error **error);

/* Starts what dlg_cluster_isolate() does. The reply has dlg_reply_shard(). */
DLG_API int dlg_cluster_isolate_async(dlg_client *client, const dlg_uuid *recipient, const dlg_isolate_options *options,
                                      dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                      dlg_error **error);

/* Returns the shard of dlg_cluster_isolate(); 0 for other calls. */
DLG_API int64_t dlg_reply_shard(const dlg_reply *reply);

#ifdef __cplusplus
}
#endif

#endif
