/* cluster_check.h - what has to be right before shards are moved, found out before anything moves. */
#ifndef DIALOGS_CLUSTER_CHECK_H
#define DIALOGS_CLUSTER_CHECK_H

#include "cluster/snapshot_read.h"

/* What the nodes are needed for: only to answer, or also to move shards, or also to split them. */
enum check_purpose { CHECK_NODES, CHECK_MOVES, CHECK_SPLITS };

/* Adds what stands in the way to the snapshot's problems, and says of each node whether it is ready. */
int cluster_check(struct cluster_task *task, dlg_cluster *snapshot, dlg_transfer_mode mode, enum check_purpose purpose);

/* DLG_E_BUSY: shards are being moved. */
int cluster_need_quiet(struct cluster_task *task, const dlg_cluster *snapshot);

/* DLG_E_PRECONDITION, with the first of the problems, when there are any. */
int cluster_need_no_problems(struct cluster_task *task, const dlg_cluster *snapshot);

/* Reads the snapshot and makes all these checks. The snapshot is the task's. */
int cluster_prepare(struct cluster_task *task, enum check_purpose purpose);

#endif
