/* cluster_rebalance.h - moves shards until they are spread evenly. */
#ifndef DIALOGS_CLUSTER_REBALANCE_H
#define DIALOGS_CLUSTER_REBALANCE_H

#include "cluster/cluster_query.h"

/*
 * Plans, starts and follows a rebalance as the options say, after cluster_prepare(). The result becomes the task's,
 * with no moves when there is nothing to do.
 */
int rebalance_run(struct cluster_task *task, bool drain);

#endif
