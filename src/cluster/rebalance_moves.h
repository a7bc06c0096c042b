/* rebalance_moves.h - lists of moves, as Citus plans them and as its tasks have them. */
#ifndef DIALOGS_REBALANCE_MOVES_H
#define DIALOGS_REBALANCE_MOVES_H

#include "cluster/cluster_query.h"
#include "cluster/rebalance.h"

/* The moves that the options ask for now; with `drain`, those that empty nodes which take no shards. */
int rebalance_plan(struct cluster_task *task, bool drain, dlg_rebalance **rebalance);

/* The moves of a job. */
int rebalance_read(struct cluster_task *task, int64_t job, dlg_rebalance **rebalance);

#endif
