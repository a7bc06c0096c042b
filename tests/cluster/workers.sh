#!/usr/bin/env bash
# The scripts of a worker's container, outside of one: new workers, restarted ones, ones at another address, and servers
# that are no workers of this cluster.
source "$(dirname "$0")/common.sh"

compose() {
    /usr/bin/python3 -c 'import sys, yaml; print(*eval("yaml.safe_load(sys.stdin)" + sys.argv[1]), sep="\n")' "$1" <docker-compose.yml
}

port=$(free_ports 4)
mapfile -t settings < <(compose '["services"]["worker"]["command"]')
PATH=$PWD/tests/cluster/image:$PATH
export PGUSER=highload PGDATABASE=highload PGPASSWORD=secret
export POSTGRES_USER=highload POSTGRES_DB=highload POSTGRES_PASSWORD=secret POSTGRES_HOST_AUTH_METHOD=scram-sha-256
export COORDINATOR_HOST=127.0.0.1 COORDINATOR_PORT=$port SERVICE_PASSWORD="it's \\ its own"
declare -A servers

# A container takes everything in it along when it ends: here, that is a process group. Before it is a server it does
# not listen.
end() {
    while kill "-$1" "${servers[$2]}" 2>/dev/null; do
        sleep 0.1
    done
    wait "${servers[$2]}" || true
    kill -KILL -- "-${servers[$2]}" 2>/dev/null || true
    unset "servers[$2]"
}

stop() {
    end INT "$1"
}

clean_up() {
    local name
    for name in "${!servers[@]}"; do
        end QUIT "$name"
    done
}

sql() {
    psql -XqAt -h 127.0.0.1 -p "$port" "$@"
}

start_coordinator() {
    PGDATA=$work/coordinator PGPORT=$port setsid docker-entrypoint.sh postgres "${settings[@]}" >"$work/coordinator.log" 2>&1 &
    servers[coordinator]=$!
}

# start NAME PORT: the container of a worker with this data.
start() {
    touch "$work/$1.started"
    PGDATA=$work/$1 PGPORT=$2 WORKER_HOST=127.0.0.1 WORKER_PORT=$2 REGISTERED=$work/$1.registered \
        setsid packaging/docker/worker.sh "${settings[@]}" >"$work/$1.log" 2>&1 &
    servers[$1]=$!
}

registered() {
    within 120 test "$work/$1.registered" -nt "$work/$1.started"
}

# refused NAME WORDS: the log says why, and it is not registered.
refused() {
    within 120 grep -q "$2" "$work/$1.log"
    [ ! -e "$work/$1.registered" ] || fail "$1 says that it is registered"
}

workers() {
    sql -c "SELECT string_agg(groupid || ' ' || nodename || ' ' || nodeport - $port, ', ' ORDER BY groupid) FROM pg_dist_node"
}

# Workers may be up first: they wait.
start one $((port + 1))
start two $((port + 2))
within 120 grep -q 'waiting for the coordinator' "$work/one.log"
start_coordinator
registered one
registered two
one=$(sql -c "SELECT groupid FROM pg_dist_node WHERE nodeport = $((port + 1))")
two=$((3 - one))
expect 'the list of nodes' "$(workers | tr , '\n' | sort -k3 | xargs)" "0 127.0.0.1 0 $one 127.0.0.1 1 $two 127.0.0.1 2"
expect 'wal_level on the workers' "$(sql -c "SELECT string_agg(result, ' ') FROM run_command_on_workers('SHOW wal_level')")" 'logical logical'

# A worker that comes when the service has its role is told its password.
sql -c 'CREATE ROLE dialogsd LOGIN'
stop one
start one $((port + 1))
registered one
expect 'the password of the role' "$(sql -p $((port + 1)) -c 'SELECT rolename, authinfo FROM pg_dist_authinfo')" \
    "dialogsd|password='it\\'s \\\\ its own'"

sql <<'END' >/dev/null
CREATE TABLE dialogs (id int, to_user_id uuid, PRIMARY KEY (id, to_user_id));
SELECT create_distributed_table('dialogs', 'to_user_id');
INSERT INTO dialogs SELECT n, gen_random_uuid() FROM generate_series(1, 500) n;
END

# The same address again: nothing changes.
stop one
start one $((port + 1))
registered one
expect 'the number of the restarted worker' "$(sql -c "SELECT groupid FROM pg_dist_node WHERE nodeport = $((port + 1))")" "$one"
expect 'the count of rows' "$(sql -c 'SELECT count(*) FROM dialogs')" 500

# Another address: the node keeps its number and its rows, and all nodes hear of it.
stop one
start one $((port + 3))
registered one
grep -q "node $one moves from 127.0.0.1:$((port + 1)) to 127.0.0.1:$((port + 3))" "$work/one.log"
expect 'the number of the moved worker' "$(sql -c "SELECT groupid FROM pg_dist_node WHERE nodeport = $((port + 3))")" "$one"
for node in 0 2 3; do
    within 120 eval "[ \"\$(sql -p $((port + node)) -c 'SELECT count(*) FROM dialogs' 2>/dev/null)\" = 500 ]"
done

# The data of a node are lost: an empty server at its address does not take its place.
stop two
mv "$work/two" "$work/two.kept"
start two $((port + 2))
refused two 'the data of that node are not here'
stop two
rm -rf "$work/two"
mv "$work/two.kept" "$work/two"
start two $((port + 2))
registered two
expect 'the count of rows' "$(sql -c 'SELECT count(*) FROM dialogs')" 500

# A server that was told to leave does not come back by itself.
start three $((port + 1))
registered three
sql -c "SELECT citus_remove_node('127.0.0.1', $((port + 1)))" >/dev/null
stop three
start three $((port + 1))
refused three 'not any more'
stop three
rm -rf "$work/three"

# Nor is a coordinator of another cluster made a worker of this one.
COORDINATOR_PORT=$((port + 9)) start three $((port + 1))
within 120 grep -q 'waiting for the coordinator' "$work/three.log"
sql -p $((port + 1)) -c "SELECT citus_set_coordinator_host('127.0.0.1', $((port + 1)))" >/dev/null
stop three
start three $((port + 1))
refused three 'has a cluster of its own'
expect 'the count of nodes' "$(sql -c 'SELECT count(*) FROM pg_dist_node')" 3
