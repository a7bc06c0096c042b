#!/bin/sh
# register.sh - makes this worker a node of the cluster, or tells the cluster its new address, and tries until that is
# done. A worker is known by what its data directory says of it, not by its address.
#
#   COORDINATOR_HOST, COORDINATOR_PORT   where the coordinator is, for this worker and for all nodes
#   WORKER_HOST, WORKER_PORT             where the others find this worker (this container's name)
#   PGUSER, PGPASSWORD, PGDATABASE       as for psql; the same on all nodes
#   SERVICE_ROLE, SERVICE_PASSWORD       the role of the service (dialogsd), as which nodes reach each other; without a
#                                        password nothing is written down
#   REGISTERED                           a file that is there when it is done (/tmp/registered)
#
# Ends with 0 when registered, with 1 when only a person can help.
set -eu

coordinator=${COORDINATOR_HOST:-coordinator}
coordinator_port=${COORDINATOR_PORT:-5432}
worker=${WORKER_HOST:-$(hostname)}
worker_port=${WORKER_PORT:-5432}
registered=${REGISTERED:-/tmp/registered}
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
export PGCONNECT_TIMEOUT=5

say() {
    printf 'register: %s\n' "$*" >&2
}

# Says why the last statement failed, unless it was the same the time before, and waits a little.
said=''
wait_for() {
    reason="waiting for the $1: $(grep -v '^$' "$errors" | head -n 1)"
    [ "$reason" = "$said" ] || say "$reason"
    said=$reason
    sleep 1
}

give_up() {
    say "$*"
    exit 1
}

# SQL from the standard input, with the addresses as variables.
sql() {
    psql -XqAt -v ON_ERROR_STOP=1 -v coordinator="$coordinator" -v coordinator_port="$coordinator_port" \
        -v worker="$worker" -v worker_port="$worker_port" -v worker_group="${group:-0}" "$@" 2>"$errors"
}

on_worker() {
    sql -h "$worker" -p "$worker_port"
}

on_coordinator() {
    sql -h "$coordinator" -p "$coordinator_port"
}

# The number of this node, 0 for one that is not in a cluster; then whether it knows of a cluster all the same.
describe_worker() {
    on_worker <<'END'
SELECT groupid, EXISTS (SELECT FROM pg_dist_node) OR EXISTS (SELECT FROM pg_dist_partition) FROM pg_dist_local_group
END
}

# What the coordinator knows: the address of the node with our number, and the number of the node with our address.
describe_cluster() {
    on_coordinator <<'END'
SELECT (SELECT nodename || ':' || nodeport FROM pg_dist_node WHERE groupid = :worker_group AND noderole = 'primary'),
       (SELECT groupid FROM pg_dist_node WHERE nodename = :'worker' AND nodeport = :worker_port)
END
}

# One worker after the other, because the first one also writes down where the coordinator is.
add_worker() {
    on_coordinator <<'END'
SELECT pg_advisory_lock(5928146032);
SELECT citus_set_coordinator_host(:'coordinator', :coordinator_port)
WHERE NOT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0 AND nodename = :'coordinator' AND nodeport = :coordinator_port);
SELECT citus_add_node(:'worker', :worker_port);
END
}

move_worker() {
    on_coordinator <<'END'
SELECT citus_update_node(nodeid, :'worker', :worker_port) FROM pg_dist_node
WHERE groupid = :worker_group AND noderole = 'primary';
END
}

# Done when this worker has heard of it, too.
is_known() {
    [ "$(on_coordinator <<'END'
SELECT bool_or(isactive AND metadatasynced) FROM pg_dist_node WHERE nodename = :'worker' AND nodeport = :worker_port
END
    )" = t ]
}

register_new() {
    [ "$foreign" = f ] ||
        give_up "this server has a cluster of its own, or is the coordinator of one; a worker begins with an empty volume"
    [ -z "$group_there" ] ||
        give_up "the cluster knows $worker:$worker_port as its node $group_there, but the data of that node are not here: bring back its volume, or remove the node from the cluster"
    add_worker >/dev/null
}

register_again() {
    case $address in
    "$worker:$worker_port") ;;
    '') give_up "this server was node $group of a cluster, but not of this one, or not any more; a worker begins with an empty volume" ;;
    *)
        say "node $group moves from $address to $worker:$worker_port"
        move_worker >/dev/null
        ;;
    esac
}

until state=$(describe_worker) && [ -n "$state" ]; do
    wait_for "server"
done
group=${state%|*}
foreign=${state#*|}
until state=$(describe_cluster); do
    wait_for "coordinator"
done
address=${state%|*}
group_there=${state#*|}

if [ "$group" = 0 ]; then
    until register_new; do
        wait_for "coordinator"
    done
else
    until register_again; do
        wait_for "coordinator"
    done
fi
: >"$errors"
until is_known; do
    wait_for "metadata"
done
if [ -n "${SERVICE_PASSWORD-}" ]; then
    until sql -h "$worker" -p "$worker_port" -v role="${SERVICE_ROLE:-dialogsd}" -f "$(dirname "$0")/authinfo.sql"; do
        wait_for "server"
    done
fi
say "$worker:$worker_port is a node of $coordinator:$coordinator_port"
: >"$registered"
