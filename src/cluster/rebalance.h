/*
 * rebalance.h - the moves of a rebalance: those that Citus would make now, and those of one that it makes, followed
 * from its start to its end.
 */
#ifndef DIALOGS_REBALANCE_H
#define DIALOGS_REBALANCE_H

#include "cluster/cluster_snapshot.h"
#include "cluster/cluster_task.h"

struct rebalance_move {
    dlg_shard_move move;
    int64_t task; /* Citus's number of it; 0: only planned */
    bool done;
    char source[NODE_ADDRESS_SIZE];
    char target[NODE_ADDRESS_SIZE];
};

struct dlg_rebalance {
    dlg_rebalance_info info;
    size_t count;
    struct rebalance_move moves[];
};

/* An empty list of so many moves; NULL when out of memory. */
dlg_rebalance *rebalance_new(size_t count);

/* The moves that the options ask for now; with `drain`, those that empty nodes which take no shards. */
int rebalance_plan(struct cluster_task *task, bool drain, dlg_rebalance **rebalance);

/*
 * Plans, starts and follows a rebalance as the options say, after cluster_prepare(). The result becomes the task's,
 * with no moves when there is nothing to do.
 */
int rebalance_run(struct cluster_task *task, bool drain);

/* A rebalance that is under way, followed. */
struct tracker {
    dlg_rebalance *rebalance;
    int64_t job;
    dlg_job_state state;
    bool failing; /* a move has failed, and waits for its next attempt, or for good */
    uint64_t bytes_under_way;
    char phase[64];
    char source[NODE_ADDRESS_SIZE];
    char target[NODE_ADDRESS_SIZE];
    char message[CLUSTER_TEXT];
};

/* Learns the moves of a job. The rebalance becomes the tracker's to hand over. */
int tracker_open(struct cluster_task *task, struct tracker *tracker, int64_t job);

/* Asks how far it is, and puts that into the task's progress. */
int tracker_poll(struct cluster_task *task, struct tracker *tracker);

/* Follows it to its end: fails when it fails, and stops it when it is to be stopped. */
int tracker_follow(struct cluster_task *task, struct tracker *tracker);

/* Stops the job and waits until it has stopped; then removes what it left. */
void tracker_stop(struct cluster_task *task, struct tracker *tracker);

/* Removes what moves left behind, as far as it can be reached now. */
void rebalance_clean(struct cluster_task *task);

#endif
