/* snapshot_read.h - asks a cluster for its snapshot. */
#ifndef DIALOGS_SNAPSHOT_READ_H
#define DIALOGS_SNAPSHOT_READ_H

#include "cluster/cluster_query.h"
#include "cluster/cluster_snapshot.h"

/* Nodes, shards, sizes, the last rebalance, leftovers: what the coordinator knows and the nodes answer. */
int cluster_snapshot_read(struct cluster_task *task, dlg_cluster **snapshot);

/* Which nodes this client reaches by itself. */
int cluster_reach_read(struct cluster_task *task, dlg_cluster *snapshot);

#endif
