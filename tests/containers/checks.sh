# shellcheck shell=bash disable=SC2154
# checks.sh - for compose.sh: what is true of containers that run, and how to speak to what is in them.

compose() {
    env -i PATH="$PATH" HOME="$work" DOCKER_HOST="$DOCKER_HOST" "${settings[@]}" docker-compose --env-file "$work/no.env" \
        --profile citus --profile redis -p citus "$@"
}

# What docker-compose writes is shown when it fails.
quietly() {
    "$@" >"$work/last.log" 2>&1 || fail "status $? of: $*"
}

# Everything that stays is healthy, everything that ends has ended with success.
all_ready() {
    local state
    while read -r state; do
        case $state in
        running/healthy/* | exited/*/0) ;;
        *) return 1 ;;
        esac
    done < <(docker ps -aq | xargs docker inspect \
        -f '{{.State.Status}}/{{if .State.Health}}{{.State.Health.Status}}{{end}}/{{.State.ExitCode}}')
}

# confined CONTAINER: no process of it is root's, has a capability or can get one, and the image is read-only.
confined() {
    local process processes status
    mapfile -t processes < <(docker top "$1" -eo pid | tail -n +2)
    [ ${#processes[@]} -gt 0 ] || fail "$1 has no process"
    for process in "${processes[@]}"; do
        status=$(cat "/proc/$process/status" 2>/dev/null) || continue # it has ended
        awk -v name="$1" '
            /^Cap/ && $2 !~ /^0+$/ { print name ": " $0; failed = 1 }
            /^NoNewPrivs/ && $2 != 1 { print name ": " $0; failed = 1 }
            /^Uid/ && $2 * $3 * $4 * $5 == 0 { print name ": " $0; failed = 1 }
            END { exit failed }' <<<"$status" || fail "$1 is not confined"
    done
    if docker exec -u 0 "$1" touch /usr/written 2>"$work/said"; then
        fail "$1 can write to its image"
    fi
    grep -q 'Read-only file system' "$work/said" || fail "$1 says \"$(cat "$work/said")\""
}

address_of() {
    docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"
}

# On a node: sql NODE SQL
sql() {
    docker exec -e PGOPTIONS='-c client_min_messages=warning' "$1" psql -XqAt -c "$2"
}

nodes() {
    docker ps -q -f 'name=citus_master|citus_worker'
}

# As whom the service is known to the nodes.
service_roles() {
    local node
    for node in $(nodes); do
        sql "$node" "SELECT usename FROM pg_stat_activity WHERE client_addr = '$(address_of citus_app_1)'"
    done | sort -u
}

# call METHOD PATH [BODY]: of the service, on the port that is published, as the user whose token is in $token.
call() {
    inside curl -fsS --max-time 60 -X "$1" "http://127.0.0.1:5000$2" -H "Authorization: Bearer ${token-}" \
        ${3:+-H 'Content-Type: application/json' -d "$3"}
}

# A user whose password is "long enough": register NAME
register() {
    call POST /user/register "{\"first_name\":\"$1\",\"second_name\":\"Boxed\",\"birthdate\":\"1990-01-02\",\"biography\":\"\",
        \"city\":\"\",\"password\":\"long enough\"}" | jq -er .user_id
}

login() {
    call POST /login "{\"id\":\"$1\",\"password\":\"long enough\"}" | jq -er .token
}

# Sends numbered texts one after the other, each until it is acknowledged, while $work/writing is there.
keep_writing() {
    local number code
    number=$(cat "$work/written" 2>/dev/null || echo 0)
    while [ -e "$work/writing" ]; do
        number=$((number + 1))
        until code=$(inside curl -s --max-time 20 -o "$work/answer" -w '%{http_code}' \
            -X POST "http://127.0.0.1:5000/dialog/$boris/send" -H "Authorization: Bearer $token" \
            -H "Idempotency-Key: text-$number" -H 'Content-Type: application/json' -d "{\"text\":\"text-$number\"}") &&
            [ "$code" = 200 ]; do
            echo "text-$number: $code $(head -c 300 "$work/answer")" >>"$work/refusals"
            sleep 0.5
        done
        echo "$number" >"$work/written"
    done
}

# How many messages were acknowledged, and how many there are: the same, each once.
expect_all_written() {
    local count
    rm "$work/writing"
    wait "$writer"
    count=$(cat "$work/written")
    expect "after $1, what is there" "$(sql citus_master "SELECT count(*), count(DISTINCT text) FROM dialogs WHERE text LIKE 'text-%'")" \
        "$count|$count"
    echo "$1: $count messages, 0 lost, 0 doubled; $(wc -l <"$work/refusals") repeated"
}

start_writing() {
    : >"$work/refusals"
    : >"$work/writing"
    keep_writing &
    writer=$!
}
