#!/usr/bin/env bash
# tools/cluster.sh: up, scale in both directions with rows in the tables, a killed node, down, and what it refuses.
source "$(dirname "$0")/common.sh"

data=$work/cluster
port=$(free_ports 8)

cluster() {
    tools/cluster.sh --data "$data" "$@"
}

clean_up() {
    [ ! -e "$data/cluster.conf" ] || cluster down --purge
}

sql() {
    psql -XqAt "$(cluster conninfo)" "$@"
}

# expect_nodes LINE...: what status says of each node, without its port.
expect_nodes() {
    expect 'the status' "$(cluster status | awk '/^(coordinator|worker)/ { print $1, $3, $5 }')" "$(printf '%s\n' "$@")"
}

# refuses WORDS ARGUMENT...: fails, and says these words.
refuses() {
    local words=$1 said
    shift
    if said=$(cluster "$@" 2>&1); then
        fail "cluster.sh $* is content"
    fi
    grep -qF -- "$words" <<<"$said" || fail "cluster.sh $* says \"$said\", not \"$words\""
}

tools/cluster.sh --help | grep -q '^Usage: ./dev cluster'
refuses 'there is no cluster' status
refuses 'a command is missing'
refuses 'no command "rise"' rise
refuses 'no option --fast' up --fast
refuses '--workers takes 1 to 32' up --workers 0
refuses '--workers takes 1 to 32' up --workers two
refuses '--port takes 1 to' up --port 65536
refuses 'too long' up --data "/tmp/$(printf '%0100d' 0)"

# Without the extension it says how to have a cluster all the same.
mkdir "$work/bare"
ln -s "$("$pg_config" --bindir)/initdb" "$work/bare"
printf '#!/bin/sh\necho /nowhere\n' >"$work/bare/pg_config"
chmod 755 "$work/bare/pg_config"
DLG_POSTGRES_BIN=$work/bare refuses 'docker-compose --profile citus' up
refuses 'is not empty' up --data "$work"
[ ! -e "$data" ]

cluster up --workers 2 --port "$port"
expect_nodes 'coordinator running 0' 'worker-1 running 0' 'worker-2 running 0'
expect 'the ports' "$(cluster status | awk '/^(coordinator|worker)/ { print $2 }' | xargs)" "$port $((port + 1)) $((port + 2))"
for node in coordinator worker-1 worker-2; do
    expect "wal_level of $node" "$(psql -XqAt "$(cluster conninfo "$node")" -c 'SHOW wal_level')" logical
    expect "fsync of $node" "$(psql -XqAt "$(cluster conninfo "$node")" -c 'SHOW fsync')" on
    expect "the address of $node" "$(psql -XqAt "$(cluster conninfo "$node")" -c 'SHOW listen_addresses')" 127.0.0.1
done
expect 'the health of the connections among nodes' \
    "$(sql -c 'SELECT count(*), bool_and(result) FROM citus_check_cluster_node_health()')" '9|t'
PGPASSWORD=wrong psql -X "host=127.0.0.1 port=$port user=highload dbname=highload" -c 'SELECT 1' 2>/dev/null &&
    fail 'a wrong password is good'

# Tables that are colocated, and another.
sql >/dev/null <<'END'
CREATE TABLE dialogs (id int, to_user_id uuid, PRIMARY KEY (id, to_user_id));
CREATE TABLE users (id uuid PRIMARY KEY);
CREATE TABLE settings (name text PRIMARY KEY);
SELECT create_distributed_table('dialogs', 'to_user_id', shard_count := 6);
SELECT create_distributed_table('users', 'id', colocate_with := 'dialogs');
SELECT create_reference_table('settings');
INSERT INTO dialogs SELECT n, gen_random_uuid() FROM generate_series(1, 300) n;
END
expect_nodes 'coordinator running 0' 'worker-1 running 3' 'worker-2 running 3'

# A new worker gets nothing by itself.
cluster scale 3
expect_nodes 'coordinator running 0' 'worker-1 running 3' 'worker-2 running 3' 'worker-3 running 0'
sql -c "SELECT rebalance_table_shards('dialogs', rebalance_strategy := 'by_shard_count')" >/dev/null
expect_nodes 'coordinator running 0' 'worker-1 running 2' 'worker-2 running 2' 'worker-3 running 2'

# A worker that is killed: status says so, scaling waits for it, up brings it back.
kill -KILL "$(head -n 1 "$data/worker-3/db/postmaster.pid")"
within 10 eval '! cluster status >/dev/null'
expect_nodes 'coordinator running 0' 'worker-1 running 2' 'worker-2 running 2' 'worker-3 stopped 2'
refuses 'worker-3 does not run' scale 2
cluster up
expect_nodes 'coordinator running 0' 'worker-1 running 2' 'worker-2 running 2' 'worker-3 running 2'
expect 'the count of rows' "$(sql -c 'SELECT count(*) FROM dialogs')" 300

# A worker that goes hands its shards over, and leaves nothing.
refuses 'there are 3 workers' up --workers 2
cluster scale 2
expect_nodes 'coordinator running 0' 'worker-1 running 3' 'worker-2 running 3'
expect 'the count of rows' "$(sql -c 'SELECT count(*) FROM dialogs')" 300
expect 'the nodes that Citus knows' "$(sql -c 'SELECT count(*) FROM pg_dist_node')" 3
[ ! -e "$data/worker-3" ]

# One that cannot be drained stays: here, because a table has no key to follow its rows by.
sql -c 'CREATE TABLE keyless (id uuid)' -c "SELECT create_distributed_table('keyless', 'id')" >/dev/null
refuses 'worker-2 still has shards' scale 1
expect 'the workers that take shards' "$(sql -c 'SELECT count(*) FROM pg_dist_node WHERE shouldhaveshards')" 2

cluster down
expect_nodes 'coordinator stopped -' 'worker-1 stopped -' 'worker-2 stopped -'
(exec 8<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && fail 'the coordinator still listens'
refuses "its ports from $port on" up --port $((port + 4))
cluster up
expect 'the count of rows' "$(sql -c 'SELECT count(*) FROM dialogs')" 300

(
    exec 9>>"$data/lock"
    flock 9
    refuses 'another ./dev cluster command is at work' scale 3
)
cluster down --purge
[ ! -e "$data" ]
