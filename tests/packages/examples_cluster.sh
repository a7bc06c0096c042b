#!/usr/bin/env bash
# examples_cluster.sh PREFIX - the example of a rebalance on a real Citus cluster that has got a new worker.
source "$(dirname "$0")/common.sh"
if [ ! -e "$(pg_config --sharedir)/extension/citus.control" ]; then
    echo 'SKIP citus extension not installed'
    exit 0
fi
[ "$(id -u)" -ne 0 ] || chown postgres: "$work"
trap 'tools/cluster.sh down --data "$work/cluster" --purge; rm -rf "$work"' EXIT
export LD_LIBRARY_PATH=$libdir

read -ra flags < <(pkg-config --cflags --libs libdialogs)
cc "${strict[@]}" -o "$work/rebalance" examples/rebalance.c "${flags[@]}"
tools/cluster.sh up --data "$work/cluster" --workers 1 --port "$((20000 + RANDOM % 10000))"
conninfo=$(tools/cluster.sh conninfo --data "$work/cluster")
"$prefix/bin/dlgctl" cluster distribute --db "$conninfo" --shards 8
tools/cluster.sh scale 2 --data "$work/cluster"

"$work/rebalance" "$conninfo" | tee "$work/said"
grep -x '4 shards were moved' "$work/said"
grep -E ': [0-4] of 4 moves' "$work/said"
"$work/rebalance" "$conninfo" | grep -x '0 shards were moved'
