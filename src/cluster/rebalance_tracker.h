/* rebalance_tracker.h - a rebalance that is under way, followed from its start to its end. */
#ifndef DIALOGS_REBALANCE_TRACKER_H
#define DIALOGS_REBALANCE_TRACKER_H

#include "cluster/rebalance_moves.h"

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
