# shellcheck shell=bash disable=SC2034
# common.sh PREFIX - begins each test of the installed library: a directory of its own, with the example in it and
# nothing else of this repository.
set -euo pipefail
prefix=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # for the private server, which runs as another user when the test is root's
cp examples/hello.c "$work"

libdir=$(dirname "$(find "$prefix" -name libdialogs.a)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
strict=(-std=c11 -Wall -Wextra -Wpedantic -Werror)

# The program works twice on one directory: the second time it finds its users and its first message.
check_hello() {
    local program=$1 data=$work/data.${1##*/}
    [ "$("$program" "embedded:$data" | grep -c '^Hello, Boris$')" -eq 1 ]
    [ "$("$program" "embedded:$data" | grep -c '^Hello, Boris$')" -eq 2 ]
}
