/*
 * rebalance.h - the moves of a rebalance: those that Citus would make now, and those of one that it makes, followed
 * from its start to its end.
 */
#ifndef DIALOGS_REBALANCE_H
#define DIALOGS_REBALANCE_H

#include "pg/node_address.h"

#include <stdbool.h>

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

#endif
