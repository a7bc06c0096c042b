#include "cluster/rebalance.h"

#include <stdlib.h>

dlg_rebalance *rebalance_new(size_t count)
{
    dlg_rebalance *rebalance = calloc(1, sizeof *rebalance + count * sizeof *rebalance->moves);
    if (rebalance)
        rebalance->count = count;
    return rebalance;
}

void dlg_rebalance_free(dlg_rebalance *rebalance)
{
    free(rebalance);
}

const dlg_rebalance_info *dlg_rebalance_describe(const dlg_rebalance *rebalance)
{
    return rebalance ? &rebalance->info : NULL;
}

size_t dlg_rebalance_move_count(const dlg_rebalance *rebalance)
{
    return rebalance ? rebalance->count : 0;
}

const dlg_shard_move *dlg_rebalance_move_at(const dlg_rebalance *rebalance, size_t index)
{
    return index < dlg_rebalance_move_count(rebalance) ? &rebalance->moves[index].move : NULL;
}
