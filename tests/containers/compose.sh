#!/usr/bin/env bash
# compose.sh - docker-compose.yml and the Dockerfile in a real engine: the way of docs/cluster.md with Redis, and what
# docs/security.md says of containers. It takes ten minutes and more, root, and the packages of an engine; it says SKIP where one
# is missing. CONTAINERS_DATA=DIR keeps what was built for the next time.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/containers

skip() {
    echo "SKIP no containers: $*"
    exit 0
}

[ "$(id -u)" -eq 0 ] || skip 'an engine of its own needs root'
for program in dockerd docker docker-compose mmdebstrap ip iptables nsenter jq curl pg_config; do
    command -v "$program" >/dev/null || skip "no $program (docker.io, docker-compose, mmdebstrap, iproute2, iptables)"
done
grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release || skip 'the images are made of the packages of Debian 12'
[ -e "$(pg_config --sharedir)/extension/citus.control" ] || skip 'the Citus extension is not installed'
[[ $(pg_config --version) == 'PostgreSQL 15.'* ]] || skip 'the Citus extension is not for PostgreSQL 15'

work=$(mktemp -d /tmp/dialogs-containers-XXXXXX)
data=${CONTAINERS_DATA:-$work/data}
settings=()
: >"$work/no.env" # not the one of whoever runs this

# shellcheck source=../support/expect.sh
source tests/support/expect.sh
source "$here/engine.sh"
source "$here/images.sh"
source "$here/checks.sh"

leave() {
    local status=$?
    set +e
    rm -f "$work/writing"
    if [ -n "$engine" ]; then
        [ "$status" -eq 0 ] || docker ps -a
        compose down -v >"$work/down.log" 2>&1
    fi
    stop_engine
    [ "$status" -eq 0 ] || tail -v -n 20 "$work"/*.log
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap leave EXIT
trap 'exit 1' INT TERM QUIT HUP

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# ---- The steps ----------------------------------------------------------------------------------

known_passwords_are_refused() {
    local said
    settings=(PUBLISH=0.0.0.0)
    if said=$(compose run --rm --no-deps -T coordinator 2>&1); then
        fail 'the coordinator starts with a known password on a published port'
    fi
    grep -q 'POSTGRES_PASSWORD is what everybody knows' <<<"$said" || fail "the coordinator says \"$said\""
}

start_two_workers() {
    settings=(POSTGRES_PASSWORD=the-owners SERVICE_PASSWORD=the-services)
    quietly compose up -d --scale worker=2
    within 600 all_ready
    expect 'what was loaded' "$(sql citus_master 'SELECT count(*) FROM dialogs')" 20000
}

everybody_is_confined() {
    local container said
    for container in $(docker ps --format '{{.Names}}'); do
        confined "$container"
    done
    expect 'the rights of the service' "$(sql citus_master "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls
        FROM pg_roles WHERE rolname = 'dialogsd'")" 'f|f|f|f'
    if docker inspect citus_app_1 | grep -q the-owners; then
        fail 'the service is told the password of the owner'
    fi
    said=$(PGPASSWORD=highload inside psql -h 127.0.0.1 -U highload -c 'SELECT 1' highload 2>&1) &&
        fail 'the published port takes the customary password'
    grep -q 'password authentication failed' <<<"$said" || fail "the published port says \"$said\""
}

people_talk() {
    anna=$(register Anna)
    boris=$(register Boris)
    token=$(login "$anna")
    : >"$work/events"
    inside curl -sN --max-time 600 http://127.0.0.1:5000/events \
        -H "Authorization: Bearer $(login "$boris")" >>"$work/events" &
    within 60 grep -q . "$work/events"
    call POST "/dialog/$boris/send" '{"text":"Hello, Boris"}' >/dev/null
    expect 'the dialog' "$(call GET "/dialog/$boris/list" | jq -r '.[].text')" 'Hello, Boris'
    within 60 grep -q 'Hello, Boris' "$work/events"
    expect 'the role of the service' "$(service_roles)" dialogsd
}

hears_others() {
    docker exec "$1" curl -fsS http://127.0.0.1:5000/metrics | grep -x 'dialogsd_redis_up 1' >/dev/null
}

# Another service has what was sent to the first one, and by Redis: it is in its metrics.
services_meet() {
    quietly compose run -d --no-deps --name second app
    within 120 docker exec second curl -fsS -o /dev/null http://127.0.0.1:5000/readyz
    within 60 hears_others second
    : >"$work/elsewhere"
    docker exec second curl -sN --max-time 600 http://127.0.0.1:5000/events \
        -H "Authorization: Bearer $token" >>"$work/elsewhere" &
    within 60 grep -q . "$work/elsewhere"
    call POST "/dialog/$boris/send" '{"text":"Hello, everywhere"}' >/dev/null
    within 60 grep -q 'Hello, everywhere' "$work/elsewhere"
    confined second
    quietly docker rm -f second
}

# How many shards each worker has, as in the document.
shards() {
    sql citus_master "SELECT count(*) FROM citus_shards WHERE table_name = 'dialogs'::regclass GROUP BY nodename ORDER BY 1 DESC" |
        paste -sd/
}

is_balanced() {
    [ "$(sql citus_master 'SELECT state FROM citus_rebalance_status()')" = finished ]
}

five_workers() {
    start_writing
    sql citus_master "SELECT create_distributed_table('dialogs', 'to_user_id')" >/dev/null
    sql citus_master "SELECT create_distributed_table('users', 'id', colocate_with := 'dialogs')" >/dev/null
    expect 'the shards of two workers' "$(shards)" 16/16
    quietly compose up -d --scale worker=5
    within 600 all_ready
    expect 'the shards before the rebalance' "$(shards)" 16/16
    sql citus_master 'SELECT citus_rebalance_start()' >/dev/null
    within 1800 is_balanced
    expect 'the shards after it' "$(shards)" 7/7/6/6/6
    expect_all_written 'five workers'
    everybody_is_confined
}

# A node that was killed says at its next start that it was not shut down.
ended_well() {
    local container said
    for container in $(docker ps -aq -f name=citus_); do
        said=$(docker logs "$container" 2>&1)
        if grep -q 'FATAL tini\|not properly shut down' <<<"$said"; then
            docker logs "$container" 2>&1 | grep 'FATAL tini\|not properly shut down'
            fail "$container was killed"
        fi
    done
}

everything_restarts() {
    local service
    start_writing
    for service in redis app worker coordinator; do
        quietly compose restart "$service"
        within 300 all_ready
    done
    expect_all_written 'a restart of each'
    expect 'the shards after it' "$(shards)" 7/7/6/6/6
    ended_well
}

everything_stops() {
    local codes
    quietly compose stop
    codes=$(docker ps -aq | xargs docker inspect -f '{{.Name}} {{.State.ExitCode}}' | grep -v ' 0$' || true)
    expect 'the statuses of those that did not end well' "$codes" ''
    ended_well
}

# step NAME [ARGUMENT...]
step() {
    local began=$SECONDS
    "$@"
    echo "ok $1, $((SECONDS - began)) s"
}

start_engine
step make_images
step known_passwords_are_refused
step start_two_workers
step everybody_is_confined
step people_talk
step services_meet
step five_workers
step everything_restarts
step everything_stops
