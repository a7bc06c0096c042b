# shellcheck shell=bash
# expect.sh - for tests in shell: what is expected, and what is waited for. They have a fail() of their own.

# expect WHAT ACTUAL EXPECTED
expect() {
    [ "$2" = "$3" ] || fail "$1 is \"$2\", not \"$3\""
}

# within SECONDS COMMAND [ARGUMENT...]: until it succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || fail "not in time: $*"
        sleep 0.1
    done
}
