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
    env -u PGPASSWORD psql -XqAt "$(cluster conninfo)" "$@"
}

entrypoint() {
    packaging/docker/entrypoint.sh "$@"
}

load() {
    entrypoint packaging/docker/load.sh
}

owner_psql() {
    psql -XqAt -h 127.0.0.1 "$@"
}

# refused_to_role WORDS SQL: the role of the service may not.
refused_to_role() {
    local said
    if said=$(PGUSER=dialogsd PGPASSWORD=$SERVICE_PASSWORD owner_psql -c "$2" 2>&1); then
        fail "the role may: $2"
    fi
    grep -q "$1" <<<"$said" || fail "$2 says \"$said\""
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
for words in --help --version '--db host=localhost --help' '--db=host=localhost --help'; do
    for program in dialogsd dlgctl; do
        # shellcheck disable=SC2086
        COORDINATOR_HOST=coordinator.invalid entrypoint $program $words >/dev/null || fail "$program $words wants a database"
    done
done
expect 'a database that is given' "$(DIALOGSD_DB=dbname=mine entrypoint printenv DIALOGSD_DB)" dbname=mine
expect 'an empty one' "$(DIALOGSD_DB='' COORDINATOR_HOST=localhost entrypoint printenv DIALOGSD_DB)" host=localhost

cluster up --workers 2 --port "$port"
PGPASSWORD=$(cat "$work/cluster/password")
export PGUSER=highload PGPASSWORD PGDATABASE=highload PGPORT=$port COORDINATOR_HOST=127.0.0.1
export SERVICE=http://127.0.0.1:$http LOAD_USERS=40 LOAD_MESSAGES=1500

# A password that everybody knows is refused where others reach the port, and the loader refuses such users.
coordinator() {
    env PATH="$work/entry:$PATH" "$@" sh packaging/docker/coordinator.sh -c port=1 2>&1
}
mkdir "$work/entry"
printf '#!/bin/sh\necho "$*"\n' >"$work/entry/docker-entrypoint.sh"
chmod +x "$work/entry/docker-entrypoint.sh"
known=(POSTGRES_PASSWORD=highload SERVICE_PASSWORD=dialogsd)
own=(POSTGRES_PASSWORD=one SERVICE_PASSWORD=two)
for address in '' 127.0.0.1 ::1 localhost; do
    expect "the coordinator at $address" "$(coordinator PUBLISH="$address" "${known[@]}")" 'postgres -c port=1'
done
expect 'the coordinator with passwords' "$(coordinator PUBLISH=0.0.0.0 "${own[@]}")" 'postgres -c port=1'
for bad in POSTGRES_PASSWORD=highload SERVICE_PASSWORD=dialogsd SERVICE_PASSWORD=one; do
    for address in 0.0.0.0 '[::]' 192.0.2.1; do
        if said=$(coordinator PUBLISH="$address" "${own[@]}" "$bad"); then
            fail "the coordinator at $address is content with $bad"
        fi
        grep -q 'everybody knows\|the same as' <<<"$said" || fail "the coordinator says \"$said\""
    done
done
export DIALOGS_SCRIPTS=$PWD/packaging/docker
if said=$(PUBLISH=0.0.0.0 load 2>&1); then
    fail 'the loader makes users with a known password for everybody'
fi
grep -q 'choose LOAD_PASSWORD' <<<"$said" || fail "the loader says \"$said\""

# The owner makes the tables and the role; the rest is the role's.
export SERVICE_PASSWORD="it's \\ secret"
# shellcheck disable=SC2016
entrypoint sh -c 'exec dlgctl --db "$DIALOGSD_DB" --set feed=on init'
for _ in 1 2; do # it may run again
    COORDINATOR_PORT=$port sh packaging/docker/role.sh
done
for node in 0 1 2; do
    expect "the password on node $node" "$(owner_psql -p "$((port + node))" -c 'SELECT rolename FROM pg_dist_authinfo')" dialogsd
done
OWNER_PASSWORD=$PGPASSWORD
export PGUSER=dialogsd PGPASSWORD=$SERVICE_PASSWORD

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

# Every call of the service works, before and after: registration, messages, search, live events, the end of a token.
post() {
    curl -fsS "$SERVICE$1" -H 'Content-Type: application/json' -H "Authorization: Bearer $token" -d "$2"
}
new=$(post /user/register '{"first_name":"Role","second_name":"Less","birthdate":"1990-01-02","biography":"","city":"","password":"long enough"}' | jq -er .user_id)
post "/dialog/$new/send" '{"text":"written by the role"}' >/dev/null
expect 'the new dialog' "$(curl -fsS "$SERVICE/dialog/$new/list" -H "Authorization: Bearer $token" | jq -r '.[].text')" 'written by the role'
expect 'the new user' "$(curl -fsS "$SERVICE/user/get/$new" | jq -r .first_name)" Role
expect 'who is found' "$(curl -fsS "$SERVICE/user/search?first_name=Rol&last_name=Les" | jq length)" 1
post /events/ticket '' | jq -e .ticket >/dev/null
timeout 3 curl -sN "$SERVICE/events" -H "Authorization: Bearer $token" >"$work/events" || true
grep -q . "$work/events" || fail 'no events'
post /logout '' >/dev/null
expect 'a list after the logout' "$(curl -s -o /dev/null -w '%{http_code}' "$SERVICE/dialog/$new/list" -H "Authorization: Bearer $token")" 401

# The role can neither change the tables nor see others.
PGUSER=highload PGPASSWORD=$OWNER_PASSWORD owner_psql -c 'CREATE TABLE public.others (x int)'
for statement in 'DROP TABLE public.dialogs' 'ALTER TABLE public.users ADD COLUMN x int' \
    'CREATE INDEX ON public.dialogs (text)'; do
    refused_to_role 'must be owner' "$statement"
done
for statement in 'TRUNCATE public.dialogs' 'DELETE FROM public.dialogs' 'DELETE FROM public.users' \
    "UPDATE public.dialogs SET text = ''" 'INSERT INTO public.dlg_schema VALUES (99)' 'SELECT * FROM public.others' \
    'CREATE TABLE public.mine (x int)' 'CREATE SCHEMA mine' 'CREATE ROLE mine' 'SELECT * FROM pg_authid' \
    'SELECT * FROM pg_dist_authinfo'; do
    refused_to_role 'permission denied' "$statement"
done

# A worker that comes later knows the role, too.
cluster up --workers 3 --port "$port"
expect 'the role on the new worker' "$(PGUSER=highload PGPASSWORD=$OWNER_PASSWORD owner_psql -p "$((port + 3))" \
    -c "SELECT count(*) FROM pg_roles WHERE rolname = 'dialogsd' AND NOT rolsuper")" 1

kill -TERM "$service"
code=0
wait "$service" || code=$?
service=
expect 'the status of the service after SIGTERM' "$code" 0
