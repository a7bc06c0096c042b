/* node_clocks.h - whether the clocks of a cluster's nodes agree: each node stamps the messages that it stores. */
#ifndef DIALOGS_NODE_CLOCKS_H
#define DIALOGS_NODE_CLOCKS_H

#include "cluster/cluster_query.h"
#include "cluster/cluster_snapshot.h"

/* Asks every node, through the coordinator, for its clock; after node_facts_read(), which tells who answers. */
int node_clocks_read(struct cluster_task *task, dlg_cluster *snapshot);

#endif
