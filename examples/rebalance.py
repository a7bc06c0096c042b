"""rebalance.py - spreads the shards of a cluster evenly and shows the progress. Ctrl-C stops it. In the public domain.

    rebalance.py CONNINFO    of the coordinator
"""
import sys

import dialogs


def show(progress):
    done = f"{progress.moves_done} of {progress.moves_total} shards"
    if progress.shard:
        done += f"; {progress.shard}: {progress.source} -> {progress.target}"
    print(f"{progress.phase}: {done}", flush=True)


if len(sys.argv) != 2:
    sys.exit("usage: rebalance.py CONNINFO")
with dialogs.open(sys.argv[1]) as db:
    try:
        for node in db.cluster.status().nodes:
            print(f"{node.host}:{node.port} has {node.shards} shards, {node.bytes} bytes")
        plan = db.cluster.rebalance(dry_run=True)
        print(len(plan.moves), "shards are to move")
        print(db.cluster.rebalance(progress=show).moves_done, "shards were moved")
    except (dialogs.PreconditionError, dialogs.NotClusterError) as error:
        sys.exit(f"rebalance: {error}")
