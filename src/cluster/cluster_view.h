/* cluster_view.h - asks a cluster for its view. */
#ifndef DIALOGS_CLUSTER_VIEW_H
#define DIALOGS_CLUSTER_VIEW_H

#include "cluster/cluster_work.h"
#include "cluster/view.h"

/* Nodes, shards, sizes, the last rebalance, leftovers: what the coordinator knows and the nodes answer. */
int cluster_view_read(struct cluster_work *work, dlg_cluster **view);

/* Asks every node, through the coordinator, for its versions, settings, free slots, rows and hottest recipients. */
int cluster_facts_read(struct cluster_work *work, dlg_cluster *view);

/* Which nodes this client reaches by itself. */
int cluster_reach_read(struct cluster_work *work, dlg_cluster *view);

#endif
