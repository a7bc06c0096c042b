/* node_facts.h - what each node of a cluster says of itself. */
#ifndef DIALOGS_NODE_FACTS_H
#define DIALOGS_NODE_FACTS_H

#include "cluster/cluster_query.h"
#include "cluster/cluster_snapshot.h"

/* Asks every node, through the coordinator, for its versions, settings, free slots, rows and hottest recipients. */
int node_facts_read(struct cluster_task *task, dlg_cluster *snapshot);

#endif
