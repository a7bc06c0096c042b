/* cluster.h - administration of a Citus cluster. The conventions are in <dialogs.h>. */
#ifndef DLG_CLUSTER_H
#define DLG_CLUSTER_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Cluster -------------------------------------------------------------------------------- */

/*
 * Administration of a Citus cluster, 11.2 or later: `dialogs` and `users` are kept in shards by the hash of
 * the recipient, or the user, and the shards are spread over worker nodes. Terms and functions are those of
 * the Citus documentation (docs.citusdata.com: "Citus Utility Functions", "Cluster Management").
 *
 * The client has to be connected to the coordinator. These calls use connections of their own, so they hold
 * up nothing else of the client, and other requests go on meanwhile. A blocking call works on the caller's
 * thread; the work of the _async calls runs, one at a time, on one thread that the client starts for it.
 * Progress callbacks are called on that thread, with the payload of the call; they may make any call but
 * dlg_close().
 *
 *   Timeouts  0 means none here; else the call ends with DLG_E_TIMEOUT.
 *   Closing   dlg_close() ends them with DLG_E_CLOSED, as other requests. A rebalance that was started goes
 *             on at the servers; every other change is undone by them.
 *   Map       Whatever changes the cluster makes this client ask for the new map of shards at once. Other
 *             clients learn of moved shards within seconds, and are right meanwhile, by one hop more.
 *
 * Errors of each: DLG_E_NOT_CLUSTER (the extension is not installed; or, where shards are needed, the tables
 * are not distributed), DLG_E_PRECONDITION (what is wrong, and the statement that repairs it),
 * DLG_E_STATE (inside a callback of the I/O thread), DLG_E_UNAVAILABLE, DLG_E_TIMEOUT, DLG_E_DATABASE,
 * DLG_E_CLOSED, DLG_E_MEMORY; others are named with the call.
 */

/* How far administrative work has come. May grow. */
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
 * Called a few times a second; texts are valid during the call. Any value but 0 stops the work with
 * DLG_E_CANCELLED: a rebalance is stopped at the servers, its finished moves stay, and what the unfinished one
 * left is removed; other work is undone.
 */
typedef int (*dlg_cluster_progress_fn)(const dlg_cluster_progress *progress, void *payload);

typedef struct dlg_cluster dlg_cluster;

/* One node. Numbers are 0, and texts "", where the node did not answer. May grow. */
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
} dlg_cluster_info;

typedef enum dlg_job_state {
    DLG_JOB_NONE = 0,
    DLG_JOB_SCHEDULED = 1,
    DLG_JOB_RUNNING = 2,
    DLG_JOB_FINISHED = 3,
    DLG_JOB_CANCELLING = 4,
    DLG_JOB_CANCELLED = 5,
    DLG_JOB_FAILING = 6,
    DLG_JOB_FAILED = 7
} dlg_job_state;

/* "running" and so on; static. */
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
 * What the cluster is and how it is: nodes, shards, sizes, the rebalance that runs, what stands in the way of
 * one, the hottest recipients. Takes longer when a node does not answer.
 *
 *   cluster  receives it, to be freed with dlg_cluster_free(). What its functions return is borrowed from it.
 *
 * A database with the extension but without distributed tables has a status too.
 */
DLG_API int dlg_cluster_status(dlg_client *client, dlg_cluster **cluster, dlg_error **error);
DLG_API int dlg_cluster_status_async(dlg_client *client, dlg_callback callback, void *payload, dlg_error **error);
DLG_API const dlg_cluster *dlg_reply_cluster(const dlg_reply *reply); /* NULL unless a status succeeded */
DLG_API void dlg_cluster_free(dlg_cluster *cluster);                  /* NULL is fine */

DLG_API const dlg_cluster_info *dlg_cluster_describe(const dlg_cluster *cluster);
DLG_API size_t dlg_cluster_node_count(const dlg_cluster *cluster);
DLG_API size_t dlg_cluster_problem_count(const dlg_cluster *cluster);
DLG_API size_t dlg_cluster_hot_count(const dlg_cluster *cluster);
DLG_API size_t dlg_cluster_leftover_count(const dlg_cluster *cluster);

/* Each NULL past the end. Nodes in the order of their groups, recipients hottest first. */
DLG_API const dlg_cluster_node *dlg_cluster_node_at(const dlg_cluster *cluster, size_t index);
DLG_API const dlg_cluster_problem *dlg_cluster_problem_at(const dlg_cluster *cluster, size_t index);
DLG_API const dlg_hot_recipient *dlg_cluster_hot_at(const dlg_cluster *cluster, size_t index);
DLG_API const dlg_cluster_leftover *dlg_cluster_leftover_at(const dlg_cluster *cluster, size_t index);

/* The state of the rebalance that was started last, and how far it has come. */
DLG_API dlg_job_state dlg_cluster_job_state(const dlg_cluster *cluster);
DLG_API const dlg_cluster_progress *dlg_cluster_job(const dlg_cluster *cluster); /* NULL unless one is under way */

typedef struct dlg_distribute_options {
    uint32_t version;
    int32_t shard_count; /* 1 to 64000; many times the number of nodes to come */
    int64_t timeout_us;
} dlg_distribute_options;
#define DLG_DISTRIBUTE_OPTIONS_VERSION 1
#define DLG_DISTRIBUTE_OPTIONS_INIT           \
    {                                         \
        DLG_DISTRIBUTE_OPTIONS_VERSION, 32, 0 \
    }

/*
 * Distributes `dialogs` by recipient and, colocated, `users` by id (create_distributed_table), moves the rows
 * that exist into the shards, and empties the local tables (truncate_local_data_after_distributing_table).
 * One transaction; writers wait while it runs. A `users` table of a host program, which has another shape, is
 * left alone. When `dialogs` is distributed already and `users` is not, `users` follows.
 *
 *   options  NULL, or DLG_DISTRIBUTE_OPTIONS_INIT with changes.
 *
 * Errors: DLG_E_STATE (both are distributed already), DLG_E_SCHEMA (there are no tables), DLG_E_CANCELLED.
 */
DLG_API int dlg_cluster_distribute(dlg_client *client, const dlg_distribute_options *options,
                                   dlg_cluster_progress_fn progress, void *payload, dlg_error **error);
DLG_API int dlg_cluster_distribute_async(dlg_client *client, const dlg_distribute_options *options,
                                         dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                         dlg_error **error);

/*
 * Takes all rows back into plain tables on the coordinator, which needs room for them. One transaction; writers
 * wait. Constraints, indexes and privileges stay; a view on `dialogs` has to be dropped before
 * (Citus's undistribute_table() refuses tables with identity columns).
 */
DLG_API int dlg_cluster_undistribute(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress,
                                     void *payload, dlg_error **error);
DLG_API int dlg_cluster_undistribute_async(dlg_client *client, int64_t timeout_us, dlg_cluster_progress_fn progress,
                                           dlg_callback callback, void *payload, dlg_error **error);

typedef struct dlg_node_options {
    uint32_t version;
    uint32_t flags;               /* DLG_NODE_* */
    const char *coordinator_host; /* how the new node reaches the coordinator, should that not be registered
                                     yet; NULL: as this client does */
    int32_t coordinator_port;     /* 0: as this client does */
    int64_t timeout_us;
} dlg_node_options;
#define DLG_NODE_OPTIONS_VERSION 1
#define DLG_NODE_OPTIONS_INIT                   \
    {                                           \
        DLG_NODE_OPTIONS_VERSION, 0, NULL, 0, 0 \
    }
#define DLG_NODE_ANY_WAL_LEVEL 1u /* also a node from which no shard can be moved away while people write */

/*
 * Adds a worker (citus_add_node). Before, it is asked directly, with this client's user and password, at its
 * address or where the setting node_addresses says; it must have the extension of the same version, wal_level
 * logical, and nothing of another cluster nor tables of these names, which Citus itself does not check. It gets
 * no shards until they are rebalanced.
 *
 *   host, port  how the other nodes reach it.
 *   options     NULL, or DLG_NODE_OPTIONS_INIT with changes.
 *
 * Needs a superuser. Errors: DLG_E_STATE (it is in the cluster), DLG_E_ARGUMENT.
 */
DLG_API int dlg_cluster_add_node(dlg_client *client, const char *host, int32_t port, const dlg_node_options *options,
                                 dlg_error **error);
DLG_API int dlg_cluster_add_node_async(dlg_client *client, const char *host, int32_t port,
                                       const dlg_node_options *options, dlg_callback callback, void *payload,
                                       dlg_error **error);

/* How shards are copied (Citus: shard_transfer_mode). */
typedef enum dlg_transfer_mode {
    DLG_TRANSFER_AUTO = 0,          /* logical replication, writers wait for a moment only; refused without a key */
    DLG_TRANSFER_FORCE_LOGICAL = 1, /* the same, also for tables without a key, whose UPDATE and DELETE fail then */
    DLG_TRANSFER_BLOCK_WRITES = 2   /* writers of a shard wait while it is copied; never chosen by itself */
} dlg_transfer_mode;

/* What is to be even. */
typedef enum dlg_rebalance_strategy {
    DLG_BY_SHARD_COUNT = 0, /* the number of shards on each node */
    DLG_BY_DISK_SIZE = 1    /* their size; small differences are left as they are */
} dlg_rebalance_strategy;

typedef struct dlg_rebalance_options {
    uint32_t version;
    uint32_t flags; /* DLG_REBALANCE_* */
    dlg_rebalance_strategy strategy;
    dlg_transfer_mode mode;
    int32_t retries;    /* how often Citus may repeat a move that fails (after 5 s, 20 s, 60 s, ...) before the
                           rebalance is stopped; -1: as often as it does by itself, about half an hour */
    int64_t timeout_us; /* when it passes, the rebalance itself goes on */
} dlg_rebalance_options;
#define DLG_REBALANCE_OPTIONS_VERSION 1
#define DLG_REBALANCE_OPTIONS_INIT                                                             \
    {                                                                                          \
        DLG_REBALANCE_OPTIONS_VERSION, 0, DLG_BY_SHARD_COUNT, DLG_TRANSFER_AUTO, 3, INT64_C(0) \
    }
#define DLG_REBALANCE_DRY_RUN 1u /* only say which shards would be moved */
#define DLG_REBALANCE_NO_WAIT 2u /* return when it is started; see dlg_cluster_rebalance_wait() */

/* What a rebalance did, or would do. */
typedef struct dlg_rebalance dlg_rebalance;

/* One shard, with those that are colocated with it. May grow. */
typedef struct dlg_shard_move {
    int64_t shard;
    uint64_t bytes;
    const char *source; /* "host:port" */
    const char *target;
} dlg_shard_move;

/* May grow. */
typedef struct dlg_rebalance_info {
    int64_t job; /* Citus's number; 0: nothing was to be moved, or it was a dry run */
    dlg_job_state state;
    uint32_t moves_done;
    uint32_t moves_total;
    uint64_t bytes_done;
    uint64_t bytes_total;
} dlg_rebalance_info;

DLG_API const dlg_rebalance_info *dlg_rebalance_describe(const dlg_rebalance *rebalance);
DLG_API size_t dlg_rebalance_move_count(const dlg_rebalance *rebalance);
DLG_API const dlg_shard_move *dlg_rebalance_move_at(const dlg_rebalance *rebalance, size_t index); /* or NULL */
DLG_API void dlg_rebalance_free(dlg_rebalance *rebalance);                                         /* NULL is fine */
DLG_API const dlg_rebalance *dlg_reply_rebalance(const dlg_reply *reply); /* of what waits for moves, or NULL */

/*
 * Spreads the shards evenly over the nodes that take shards (citus_rebalance_start), while people read and write:
 * writers of a shard wait for a moment at the end of its move. Before anything moves, everything that such a move
 * needs is checked: the coordinator, reachable nodes, wal_level, primary keys, replication slots and worker
 * processes, ownership.
 *
 *   options  NULL, or DLG_REBALANCE_OPTIONS_INIT with changes.
 *   result   NULL, or receives what was done, to be freed with dlg_rebalance_free(). Balanced already: no moves.
 *
 * Errors: DLG_E_BUSY (shards are being moved already), DLG_E_CANCELLED (by the callback, or by somebody else),
 * DLG_E_DATABASE (a move failed, with its message; the moves done before stay, and it may be started again).
 */
DLG_API int dlg_cluster_rebalance(dlg_client *client, const dlg_rebalance_options *options,
                                  dlg_cluster_progress_fn progress, void *payload, dlg_rebalance **result,
                                  dlg_error **error);
DLG_API int dlg_cluster_rebalance_async(dlg_client *client, const dlg_rebalance_options *options,
                                        dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                        dlg_error **error);

/*
 * Waits for a rebalance that was started elsewhere or with DLG_REBALANCE_NO_WAIT. When none is under way, returns
 * at once with the state of the last one. `retries` and `timeout_us` of the options count.
 */
DLG_API int dlg_cluster_rebalance_wait(dlg_client *client, const dlg_rebalance_options *options,
                                       dlg_cluster_progress_fn progress, void *payload, dlg_rebalance **result,
                                       dlg_error **error);
DLG_API int dlg_cluster_rebalance_wait_async(dlg_client *client, const dlg_rebalance_options *options,
                                             dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                             dlg_error **error);

/*
 * Stops the rebalance that is under way and removes what its unfinished move left; finished moves stay. Returns
 * when it has stopped. DLG_E_STATE when none is under way.
 */
DLG_API int dlg_cluster_rebalance_cancel(dlg_client *client, int64_t timeout_us, dlg_error **error);
DLG_API int dlg_cluster_rebalance_cancel_async(dlg_client *client, int64_t timeout_us, dlg_callback callback,
                                               void *payload, dlg_error **error);

/*
 * Removes a worker: moves its shards to the others as dlg_cluster_rebalance() would, waits, removes what the moves
 * left, takes the cluster's metadata off the node, so that it cannot answer from old ones, and removes it. When it
 * fails or is stopped before that, the node takes shards again as before.
 *
 *   options  as for dlg_cluster_rebalance(); `mode`, `retries` and `timeout_us` count.
 *
 * Needs a superuser. Errors: DLG_E_STATE (no such node), and those of dlg_cluster_rebalance().
 */
DLG_API int dlg_cluster_remove_node(dlg_client *client, const char *host, int32_t port,
                                    const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                    void *payload, dlg_rebalance **result, dlg_error **error);
DLG_API int dlg_cluster_remove_node_async(dlg_client *client, const char *host, int32_t port,
                                          const dlg_rebalance_options *options, dlg_cluster_progress_fn progress,
                                          dlg_callback callback, void *payload, dlg_error **error);

typedef struct dlg_isolate_options {
    uint32_t version;
    dlg_transfer_mode mode;
    const char *host; /* the node that is to have the shard; NULL: the one that has the rows now */
    int32_t port;
    int64_t timeout_us;
} dlg_isolate_options;
#define DLG_ISOLATE_OPTIONS_VERSION 1
#define DLG_ISOLATE_OPTIONS_INIT                                   \
    {                                                              \
        DLG_ISOLATE_OPTIONS_VERSION, DLG_TRANSFER_AUTO, NULL, 0, 0 \
    }

/*
 * Gives a recipient with very many messages a shard of its own (isolate_tenant_to_new_shard), on a node of choice
 * (citus_move_shard_placement); colocated tables follow. When the user has one already, it is only moved.
 *
 *   shard  NULL, or receives the shard of `dialogs`.
 *
 * Errors: DLG_E_BUSY, DLG_E_ARGUMENT (no such node), DLG_E_CANCELLED.
 */
DLG_API int dlg_cluster_isolate(dlg_client *client, const dlg_uuid *recipient, const dlg_isolate_options *options,
                                dlg_cluster_progress_fn progress, void *payload, int64_t *shard, dlg_error **error);
DLG_API int dlg_cluster_isolate_async(dlg_client *client, const dlg_uuid *recipient, const dlg_isolate_options *options,
                                      dlg_cluster_progress_fn progress, dlg_callback callback, void *payload,
                                      dlg_error **error);
DLG_API int64_t dlg_reply_shard(const dlg_reply *reply); /* of isolate; 0 otherwise */

#ifdef __cplusplus
}
#endif

#endif
