#!/usr/bin/env bash
# run_examples.sh SOURCES WORK - compiles each example against the installed library, as docs/install.md says, and runs
# it on a PostgreSQL server of its own. Needs nothing else of this repository, so it also runs in other systems.
set -euo pipefail
sources=$1 work=$2
anna=387ac1c1-6581-4ace-a113-707c8585fe28
boris=aa45b640-d501-4101-83f2-de96b672129f
trap 'echo "failed: line $LINENO, $BASH_COMMAND"' ERR

shopt -s nullglob
for source in "$sources"/*.c; do
    packages=(libdialogs)
    ! grep -q libpq-fe.h "$source" || packages+=(libpq)
    read -ra flags <<<"$(pkg-config --cflags --libs "${packages[@]}")"
    cc -std=gnu11 -Wall -Wextra -Wpedantic -Werror -o "$work/$(basename "$source" .c)" "$source" "${flags[@]}"
done

# As root the server runs as the user postgres.
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
mkdir -m 755 "$work/server"
[ "$(id -u)" -ne 0 ] || chown postgres: "$work/server"
as_server "$bin/initdb" -D "$work/server/db" -U postgres -A trust -N >"$work/initdb.log"
as_server "$bin/pg_ctl" start -w -D "$work/server/db" -l "$work/server/log" \
    -o "-c listen_addresses= -c unix_socket_directories=$work/server -c fsync=off" >"$work/start.log"
trap 'as_server "$bin/pg_ctl" stop -m immediate -D "$work/server/db" >"$work/stop.log"' EXIT
for database in hello chat loop import embed; do
    psql -XqAt -h "$work/server" -U postgres -c "CREATE DATABASE $database"
done
server="host=$work/server user=postgres"

# lines FILE PATTERN NUMBER: as many lines match.
lines() {
    [ "$(grep -cE -- "$2" "$1")" -eq "$3" ] || { tail -v -n 50 "$1" && exit 1; }
}

cd "$work"
DLG_TOKEN_KEY_FILE=$work/token.keys ./hello "$server dbname=hello" >hello.out
lines hello.out '^Hello, Boris$' 1
lines hello.out "^Anna's token: v4\.public\." 1

# Two people: what was written before, what each types, the last line without its end.
printf 'Are you there?\n\nBoris' | ./chat "$server dbname=chat" "$anna" "$boris" >anna.out
lines anna.out '^> (Are you there\?|Boris)$' 2
mkfifo typed
./chat "$server dbname=chat" "$boris" "$anna" <typed >boris.out &
boris_chat=$!
exec {keyboard}>typed
echo 'I am' >&$keyboard
for ((i = 0; i < 100; i++)); do
    grep -q '^> I am$' boris.out && break
    sleep 0.1
done
echo 'Here, too' | ./chat "$server dbname=chat" "$anna" "$boris" >anna.out
for ((i = 0; i < 100; i++)); do
    grep -q '^< Here, too$' boris.out && break
    sleep 0.1
done
exec {keyboard}>&-
wait $boris_chat
[ "$(paste -sd'|' boris.out)" = '< Are you there?|< Boris|> I am|< Here, too' ]
code=0
./chat "$server dbname=chat" "$anna" boris 2>usage || code=$?
[ $code -eq 2 ]

./event_loop "$server dbname=loop" >loop.out
lines loop.out '^1000 messages are stored$' 1
lines loop.out '^the newest page has 50 messages$' 1

for ((i = 1; i <= 25000; i++)); do
    printf '%d\t%s\t%s\t%d\tmessage %d\n' $i $anna $boris $((1700000000000000 + i)) $i
done >messages
./import "$server dbname=import" <messages >import.out
./import "$server dbname=import" <messages >again.out
lines import.out '^25000 messages stored, 0 were there already$' 1
lines again.out ', 25000 were there already$' 1
[ "$(psql -XqAt "$server dbname=import" -c "SELECT count(*), max(text) FROM dialogs")" = '25000|message 9999' ]
code=0
printf '1\tnobody\n' | ./import "$server dbname=import" 2>bad || code=$?
[ $code -eq 1 ]
lines bad 'line 1 is not' 1

./embed "$server dbname=embed" >embed.out
./embed "$server dbname=embed" >embed.out
lines embed.out '^Hello, Boris$' 2
[ "$(psql -XqAt "$server dbname=embed" -c "SELECT string_agg(id || name, ' ' ORDER BY id) FROM users WHERE id <= 2")" = '1anna 2boris' ]

# Where there are no shards, none is moved, and the reason is said.
code=0
./rebalance "$server dbname=hello" >rebalance.out 2>&1 || code=$?
[ $code -eq 1 ]
lines rebalance.out '^rebalance: .*Citus' 1
