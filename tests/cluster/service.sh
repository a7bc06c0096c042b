#!/usr/bin/env bash
# service.sh BIN - the scripts of the service's and the loader's containers, outside of them, on a real cluster; BIN has
# dialogsd and dlgctl.
bin=$(realpath "$1")
source "$(dirname "$0")/common.sh"

port=$(free_ports 5)
http=$((port + 4))
service=
PATH=$bin:$PATH

cluster() {
    tools/cluster.sh --data "$work/cluster" "$@"
}

clean_up() {
    [ -z "$service" ] || kill -KILL "$service"
    [ ! -e "$work/cluster/cluster.conf" ] || cluster down --purge
}

sql() {
    psql -XqAt "$(cluster conninfo)" "$@"
}

entrypoint() {
    packaging/docker/entrypoint.sh "$@"
}

load() {
    entrypoint packaging/docker/load.sh
}

# What the loader is to leave, whatever else there is: the demo users are two more.
expect_data() {
    expect 'the count of users' "$(sql -c 'SELECT count(*) FROM users')" 42
    expect 'the count of messages' "$(sql -c 'SELECT count(*), count(DISTINCT id) FROM dialogs')" '1500|1500'
}

# Without a coordinator and without another database it says what to do.
export COORDINATOR_WAIT=1
if said=$(COORDINATOR_HOST=coordinator.invalid entrypoint true 2>&1); then
    fail 'the entrypoint is content without a database'
fi
grep -q 'with --profile citus, or name another in DIALOGSD_DB' <<<"$said" || fail "the entrypoint says \"$said\""
expect 'a database that is given' "$(DIALOGSD_DB=dbname=mine entrypoint printenv DIALOGSD_DB)" dbname=mine
expect 'an empty one' "$(DIALOGSD_DB='' COORDINATOR_HOST=localhost entrypoint printenv DIALOGSD_DB)" host=localhost

cluster up --workers 2 --port "$port"
PGPASSWORD=$(cat "$work/cluster/password")
export PGUSER=highload PGPASSWORD PGDATABASE=highload PGPORT=$port COORDINATOR_HOST=127.0.0.1
export SERVICE=http://127.0.0.1:$http LOAD_USERS=40 LOAD_MESSAGES=1500

# The loader gives up on a service that does not come, and waits for one that does.
if said=$(SERVICE_WAIT=1 load 2>&1); then
    fail 'the loader is content without the service'
fi
grep -q "$SERVICE/readyz does not say" <<<"$said" || fail "the loader says \"$said\""
load &
loader=$!
DIALOGSD_PORT=$http DIALOGSD_DEMO=1 DIALOGSD_DATA=$work/app DIALOGSD_LOG=off \
    packaging/docker/entrypoint.sh dialogsd 2>"$work/app.log" &
service=$!
within 120 curl -fsS -o /dev/null "$SERVICE/readyz"
wait "$loader" || fail 'the loader failed'
expect_data

# Once more changes nothing, also when the tables have been distributed since.
load
expect_data
sql -c "SELECT create_distributed_table('dialogs', 'to_user_id')" \
    -c "SELECT create_distributed_table('users', 'id', colocate_with := 'dialogs')" >/dev/null
load
expect_data

# One of the loaded users can log in, and reads what was loaded.
user=$(sql -c "SELECT user_id FROM dialogs JOIN users ON users.id = to_user_id ORDER BY 1 LIMIT 1")
token=$(curl -fsS "$SERVICE/login" -H 'Content-Type: application/json' -d "{\"id\":\"$user\",\"password\":\"string\"}" |
    jq -er .token)
other=$(sql -c "SELECT to_user_id FROM dialogs WHERE user_id = '$user' LIMIT 1")
expect 'the length of a dialog' "$(curl -fsS "$SERVICE/dialog/$other/list" -H "Authorization: Bearer $token" | jq length)" \
    "$(sql -c "SELECT count(*) FROM dialogs WHERE (user_id, to_user_id) IN (('$user', '$other'), ('$other', '$user'))")"

kill -TERM "$service"
code=0
wait "$service" || code=$?
service=
expect 'the status of the service after SIGTERM' "$code" 0
