#!/usr/bin/env bash
# rolling.sh BIN SCRIPT - the services of tests/http/rolling.py, SCRIPT, on a real cluster; BIN has dialogsd and dlgctl.
bin=$(realpath "$1")
script=$(realpath "$2")
source "$(dirname "$0")/common.sh"

port=$(free_ports 3)

cluster() {
    tools/cluster.sh --data "$work/cluster" "$@"
}

clean_up() {
    [ ! -e "$work/cluster/cluster.conf" ] || cluster down --purge
}

cluster up --workers 2 --port "$port"
database=$(cluster conninfo)
"$bin/dlgctl" --db "$database" init
"$bin/dlgctl" --db "$database" cluster distribute
/usr/bin/python3 "$script" "$bin/dialogsd" "$database"
[ "$(psql -XqAt "$database" -c 'SELECT count(DISTINCT nodeport) FROM citus_shards')" -eq 2 ] || fail 'not on two workers'
