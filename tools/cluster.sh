#!/usr/bin/env bash
# cluster.sh - a private Citus cluster on this machine: a coordinator and workers, each a real PostgreSQL server with
# its own data directory, port and socket. `./dev cluster` runs this.
#
# Layout of the data directory:
#   cluster.conf   the port of the coordinator; worker K listens on that port + K
#   password       of the user highload; pgpass has the same in libpq's form, for the nodes among themselves too
#   NODE/          coordinator, worker-1, worker-2...: db/ is the server's directory, log its log, its socket is here
set -euo pipefail
umask 077

readonly user=highload database=highload host=127.0.0.1
readonly default_port=6300 default_workers=2 most_workers=32 longest_data=70 start_limit=60
here=$(dirname "$(dirname "$(readlink -f "$0")")")

# ---- Help ---------------------------------------------------------------------------------------

usage() {
    cat <<'END'
Usage: ./dev cluster COMMAND [--data DIR] [ARGUMENT...]

Runs a private Citus cluster of real PostgreSQL servers on 127.0.0.1. It needs the Citus extension.
docs/cluster.md says what to do without it.

  up [--workers N] [--port BASE]
                   makes what is missing of a coordinator and N workers (2), starts what does not
                   run, and registers the workers. The coordinator listens on port BASE (6300),
                   worker K on BASE + K. Shards do not move.
  scale M          adds workers until there are M, or drains and removes the last ones. Only the
                   shards of a removed worker move. `dlgctl cluster rebalance` fills new workers.
  status           shows nodes, ports, what runs and the shards of each; ends with 0 when all of
                   it runs, else with 3
  conninfo [NODE]  prints how to connect to the coordinator or a node such as worker-1: psql "$(./dev cluster conninfo)"
  down [--purge]   stops all; with --purge it also deletes the data directory

  --data DIR       data/cluster by default; as root /var/lib/libdialogs-cluster, because servers run
                   as an unprivileged user
END
}

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "cluster: $*"
    exit 1
}

misuse() {
    say "cluster: $*"
    say "./dev cluster --help says how to use it."
    exit 2
}

# ---- The server's programs, and who runs them ---------------------------------------------------

# Every directory with server programs, the one to prefer first.
places() {
    if [ -n "${DLG_POSTGRES_BIN-}" ]; then
        echo "$DLG_POSTGRES_BIN"
        return
    fi
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
    pg_config --bindir 2>/dev/null || true
}

# Sets `bin` to the first place whose server has the extension.
find_citus() {
    local place
    while read -r place; do
        if [ -x "$place/initdb" ] && [ -e "$("$place/pg_config" --sharedir)/extension/citus.control" ]; then
            bin=$place
            return
        fi
    done < <(places)
    cat >&2 <<'END'
cluster: the Citus extension is not installed for a PostgreSQL server of this machine (no citus.control in the
directory of extensions). Install it, or have the same cluster from containers:

  docker-compose --profile citus --profile redis -p citus up -d --scale worker=2

docs/cluster.md says more about both.
END
    exit 1
}

# Root's servers run as somebody else. The lock (9) is not for what we start.
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        runuser -u "$account" -- "$@" 9>&-
    else
        "$@" 9>&-
    fi
}

server_account() {
    if [ "$(id -u)" -ne 0 ]; then
        id -un
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

default_data() {
    if [ "$(id -u)" -eq 0 ]; then
        echo /var/lib/libdialogs-cluster
    else
        echo "$here/data/cluster"
    fi
}

# ---- Nodes --------------------------------------------------------------------------------------

port_of() {
    case $1 in
    coordinator) echo "$base" ;;
    *) echo $((base + ${1#worker-})) ;;
    esac
}

workers() {
    find . -maxdepth 1 -type d -name 'worker-*[0-9]' -printf '%f\n' | sort -V
}

nodes() {
    [ -d coordinator ] && echo coordinator
    workers
}

# A killed server, of which its parent has not taken note yet; to pg_ctl and postgres it still runs.
lingers() {
    local pid
    pid=$(head -n 1 "$1/db/postmaster.pid" 2>/dev/null) && grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null
}

runs() {
    [ -d "$1/db" ] && as_server "$bin/pg_ctl" status -s -D "$1/db" >/dev/null && ! lingers "$1"
}

# sql NODE [ARGUMENT...]: psql on a node through its socket, for which its directory is the key.
sql() {
    local node=$1
    shift
    as_server "$bin/psql" -XqAt -v ON_ERROR_STOP=1 -h "$data/$node" -p "$(port_of "$node")" -U "$user" -d "$database" "$@"
}

conninfo() {
    echo "host=$host port=$(port_of "$1") dbname=$database user=$user passfile='${data//\'/\\\'}/pgpass'"
}

settings() {
    cat <<END

listen_addresses = '$host'
port = $(port_of "$1")
unix_socket_directories = '${data//\'/\'\'}/$1'
unix_socket_permissions = 0700
shared_preload_libraries = 'citus'
citus.node_conninfo = 'sslmode=disable'
citus.local_hostname = '$host'
wal_level = logical
shared_buffers = 32MB
max_connections = 60
max_worker_processes = 32
cluster_name = '$1'
END
    # Recent minor releases admit output plugins by name; to split a shard takes Citus's own.
    if "$bin/postgres" --describe-config | grep '^output_plugin_libraries' >/dev/null; then
        echo "output_plugin_libraries = 'pgoutput, test_decoding, citus'"
    fi
}

# A node is there wholly or not at all.
make_node() {
    [ -d "$1" ] && return
    say "making $1"
    rm -rf "$1.new"
    as_server mkdir "$1.new"
    as_server "$bin/initdb" -D "$1.new/db" -U "$user" --pwfile=password --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
    settings "$1" | as_server tee -a "$1.new/db/postgresql.conf" >/dev/null
    mv "$1.new" "$1"
}

check_port() {
    if (exec 3<>"/dev/tcp/$host/$(port_of "$1")") 2>/dev/null; then
        die "port $(port_of "$1") of $1 is busy: stop what listens there, or choose others with --port BASE and --data DIR"
    fi
}

start_node() {
    if ! runs "$1"; then
        check_port "$1"
        while lingers "$1"; do
            sleep 0.1
        done
        say "starting $1 on port $(port_of "$1")"
        as_server env PGPASSFILE="$data/pgpass" \
            "$bin/pg_ctl" start -s -w -t "$start_limit" -D "$1/db" -l "$1/log" >/dev/null ||
            die "$1 does not start; its log $data/$1/log says why"
    fi
    if [ -z "$(sql "$1" -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$database'")" ]; then
        sql "$1" -d postgres -c "CREATE DATABASE $database"
    fi
    sql "$1" -c "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS citus"
}

stop_node() {
    runs "$1" || return 0
    say "stopping $1"
    as_server "$bin/pg_ctl" stop -s -w -m fast -D "$1/db"
}

# ---- The cluster --------------------------------------------------------------------------------

register() {
    sql coordinator >/dev/null <<END
SELECT citus_set_coordinator_host('$host', $base)
WHERE NOT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0 AND nodename = '$host' AND nodeport = $base);
SELECT citus_add_node('$host', $(port_of "$1"));
END
}

add_worker() {
    make_node "$1"
    start_node "$1"
    register "$1"
}

# Its shards go to the other workers first, while everybody reads and writes; a worker that could not be drained stays.
remove_worker() {
    local address
    address="'$host', $(port_of "$1")"
    say "draining $1"
    if ! sql coordinator -c "SELECT citus_drain_node($address)" >/dev/null; then
        sql coordinator -c "SELECT citus_set_node_property($address, 'shouldhaveshards', true)" >/dev/null || true
        die "$1 still has shards, for the reason above, and stays a part of the cluster"
    fi
    sql coordinator -c "CALL citus_cleanup_orphaned_resources()" -c "SELECT citus_remove_node($address)" >/dev/null
    stop_node "$1"
    rm -rf "$1"
}

# Goes into the data directory, made when missing, and holds its lock.
make_data() {
    if [ -d "$data" ] && [ -n "$(ls -A "$data")" ] && [ ! -e "$data/cluster.conf" ]; then
        die "$data is not empty, and no cluster made by ./dev cluster: choose another with --data"
    fi
    mkdir -p "$(dirname "$data")"
    [ -d "$data" ] || mkdir "$data"
    [ "$(id -u)" -ne 0 ] || chown "$account:" "$data"
    as_server test -x "$data" || die "the user $account, who runs the servers, cannot get into $data: choose another with --data"
    enter_data
    [ -e cluster.conf ] || begin_cluster
}

begin_cluster() {
    local password
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    as_server tee password >/dev/null <<<"$password"
    as_server tee pgpass >/dev/null <<<"$host:*:*:$user:$password"
    as_server tee cluster.conf >/dev/null <<<"port=$base"
}

enter_data() {
    cd "$data"
    exec 9>lock
    flock -n 9 || die "another ./dev cluster command is at work in $data: wait for it"
}

# For commands on a cluster that was made before.
find_cluster() {
    [ -e "$data/cluster.conf" ] || die "there is no cluster in $data: ./dev cluster up makes one"
    base=$(sed -n 's/^port=//p' "$data/cluster.conf")
    find_citus
}

check_number() {
    if ! [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || [ "$2" -gt "$3" ]; then
        misuse "$1 takes 1 to $3, not \"$2\""
    fi
}

# ---- Commands -----------------------------------------------------------------------------------

cmd_up() {
    local count wanted=${option_workers:-$default_workers} node i
    [ $# -eq 0 ] || misuse "up does not take \"$1\""
    check_number --workers "$wanted" "$most_workers"
    check_number --port "${option_port:-$default_port}" $((65535 - most_workers))
    [ ${#data} -le "$longest_data" ] || die "$data is too long for the sockets in it: choose a shorter one with --data"
    find_citus
    base=${option_port:-$default_port}
    if [ -e "$data/cluster.conf" ]; then
        base=$(sed -n 's/^port=//p' "$data/cluster.conf")
        [ "${option_port:-$base}" = "$base" ] || die "the cluster in $data has its ports from $base on; another needs another --data"
    fi
    make_data
    count=$(workers | wc -l)
    [ -z "$option_workers" ] && [ "$count" -gt 0 ] && wanted=$count
    [ "$count" -le "$wanted" ] || die "there are $count workers; to remove some: ./dev cluster scale $wanted"
    make_node coordinator
    start_node coordinator
    for ((i = 1; i <= wanted; i++)); do
        add_worker "worker-$i"
    done
    show_nodes
}

cmd_scale() {
    local count wanted node
    [ $# -eq 1 ] || misuse "scale takes how many workers there shall be"
    check_number scale "$1" "$most_workers"
    wanted=$1
    find_cluster
    enter_data
    for node in $(nodes); do
        runs "$node" || die "$node does not run: ./dev cluster up starts it"
    done
    for ((count = $(workers | wc -l); count < wanted; )); do
        count=$((count + 1))
        add_worker "worker-$count"
    done
    for (( ; count > wanted; count--)); do
        remove_worker "worker-$count"
    done
    show_nodes
}

# Of tables that are colocated, the shards of one range of hashes lie together and count as one.
shards() {
    sql coordinator -F ' ' <<'END'
SELECT n.nodeport, n.groupid, count(DISTINCT (t.colocationid, s.shardminvalue)) FILTER (WHERE t.partmethod = 'h')
FROM pg_dist_node n LEFT JOIN pg_dist_placement p USING (groupid)
LEFT JOIN pg_dist_shard s USING (shardid) LEFT JOIN pg_dist_partition t USING (logicalrelid)
GROUP BY 1, 2
END
}

show_nodes() {
    local node state rows='' row all=0
    local format='%-12s %5s  %-8s %5s  %6s\n'
    if runs coordinator; then
        rows=$(shards)
    fi
    # shellcheck disable=SC2059
    printf "$format" node port state group shards
    for node in $(nodes); do
        state=running
        runs "$node" || { state=stopped all=3; }
        row=$(grep "^$(port_of "$node") " <<<"$rows") || row='- - -'
        # shellcheck disable=SC2059,SC2086
        printf "$format" "$node" "$(port_of "$node")" "$state" ${row#* }
    done
    printf '\n%s\n' "$(conninfo coordinator)"
    return "$all"
}

cmd_status() {
    [ $# -eq 0 ] || misuse "status does not take \"$1\""
    find_cluster
    cd "$data"
    show_nodes
}

cmd_conninfo() {
    [ $# -le 1 ] || misuse "conninfo takes one node"
    find_cluster
    [ -d "$data/${1-coordinator}/db" ] || die "there is no node \"$1\": ./dev cluster status lists them"
    conninfo "${1-coordinator}"
}

cmd_down() {
    local node
    [ $# -eq 0 ] || misuse "down does not take \"$1\""
    find_cluster
    enter_data
    for node in $(nodes | tac); do
        stop_node "$node"
    done
    if [ -n "$option_purge" ]; then
        say "deleting $data"
        cd /
        rm -rf "$data"
    fi
}

main() {
    local command='' arguments=()
    option_workers='' option_port='' option_purge=''
    data='' base='' bin='' account=$(server_account)
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) command=help ;;
        --data | --workers | --port) [ $# -ge 2 ] || misuse "$1 needs a value" ;;&
        --data) data=$2 && shift ;;
        --workers) option_workers=$2 && shift ;;
        --port) option_port=$2 && shift ;;
        --purge) option_purge=yes ;;
        -*) misuse "there is no option $1" ;;
        *) if [ -z "$command" ]; then command=$1; else arguments+=("$1"); fi ;;
        esac
        shift
    done
    data=$(realpath -m -- "${data:-$(default_data)}")
    case $command in
    help) usage ;;
    up | scale | status | conninfo | down) "cmd_$command" "${arguments[@]}" ;;
    '') misuse "a command is missing" ;;
    *) misuse "there is no command \"$command\"" ;;
    esac
}

main "$@"
