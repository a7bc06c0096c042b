# shellcheck shell=bash disable=SC2034
# common.sh - begins each script of this directory that needs real nodes: a directory for them, without leftovers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=../support/expect.sh
source tests/support/expect.sh

pg_config=${DLG_POSTGRES_BIN:+$DLG_POSTGRES_BIN/}pg_config
if [ ! -e "$("$pg_config" --sharedir)/extension/citus.control" ]; then
    echo 'SKIP citus extension not installed'
    exit 0
fi

work=$(mktemp -d /tmp/dialogs-test-XXXXXX)
chmod 755 "$work" # for the servers, which run as another user when the test is root's
[ "$(id -u)" -ne 0 ] || chown postgres: "$work"

# clean_up, when a script defines it, ends what it has started.
leave() {
    local status=$?
    set +e
    declare -F clean_up >/dev/null && clean_up
    rm -rf "$work"
    exit "$status"
}
trap leave EXIT
trap 'exit 1' INT TERM QUIT HUP

fail() {
    echo "FAILED: $*" >&2
    find "$work" -maxdepth 1 -name "*.log" -exec tail -v -n 20 {} + >&2
    exit 1
}

# free_ports N: the first of N free ports in a row, below those that the system gives to outgoing connections.
free_ports() {
    local first port
    while :; do
        first=$(shuf -i 20000-31000 -n 1)
        for ((port = first; port < first + $1; port++)); do
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue 2
        done
        echo "$first"
        return
    done
}
