/* snapshot.h - a cluster as it was found at one moment: what dlg_cluster_status() hands out, and what checks look at.
 */
#ifndef DIALOGS_CLUSTER_SNAPSHOT_H
#define DIALOGS_CLUSTER_SNAPSHOT_H

#include "base/error.h"

#include <stdbool.h>

/* A node with what only the library looks at: what a move of shards needs there. Free ones, -1: not known. */
struct snapshot_node {
    dlg_cluster_node node;
    int32_t id;       /* Citus's nodeid; 0: a coordinator that is not registered */
    bool synced;      /* its metadata are up to date */
    bool answered;    /* what follows is known */
    int64_t slots;    /* replication slots, as a source */
    int64_t senders;  /* WAL senders, as a source */
    int64_t origins;  /* replication origins, as a target */
    int64_t appliers; /* logical replication workers, as a target */
    int64_t processes;
    int64_t idle_timeout_ms; /* idle_in_transaction_session_timeout */
    const char *plugins;     /* output_plugin_libraries; "": there is no such setting, or we may not see it */
    const char *silence;     /* why it did not answer, or "" */
};

struct snapshot_list {
    void *items;
    size_t count;
};

struct snapshot_text;

struct dlg_cluster {
    dlg_cluster_info info;
    struct snapshot_list nodes;     /* struct snapshot_node */
    struct snapshot_list problems;  /* dlg_cluster_problem */
    struct snapshot_list hot;       /* dlg_hot_recipient */
    struct snapshot_list leftovers; /* dlg_cluster_leftover */
    dlg_job_state job_state;
    int64_t job; /* Citus's number; 0: there was none */
    dlg_cluster_progress progress;
    struct snapshot_text *texts;
    bool no_memory; /* something is missing for that */
};

dlg_cluster *snapshot_new(void);

/* A zeroed item at the end of a list; NULL when out of memory, which the snapshot remembers. */
void *snapshot_add(dlg_cluster *snapshot, struct snapshot_list *list, size_t size);

/* A copy that lives as long as the snapshot; "" when out of memory, or for NULL. */
const char *snapshot_keep(dlg_cluster *snapshot, const char *text);
const char *snapshot_keepf(dlg_cluster *snapshot, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct snapshot_node *snapshot_node_at(const dlg_cluster *snapshot, size_t index)
{
    return (struct snapshot_node *)snapshot->nodes.items + index;
}

/* By Citus's number of the node, or "host:port"; NULL: there is none. */
struct snapshot_node *snapshot_node_by_id(const dlg_cluster *snapshot, int32_t id);
struct snapshot_node *snapshot_node_by_name(const dlg_cluster *snapshot, const char *host, int32_t port);
struct snapshot_node *snapshot_node_by_group(const dlg_cluster *snapshot, int32_t group);

/* From Citus's name of a state; DLG_JOB_STATE_NONE for one that it does not have. */
dlg_job_state job_state_of(const char *name);

static inline bool job_is_under_way(dlg_job_state state)
{
    return state == DLG_JOB_STATE_SCHEDULED || state == DLG_JOB_STATE_RUNNING || state == DLG_JOB_STATE_CANCELLING ||
           state == DLG_JOB_STATE_FAILING;
}

#endif
