#!/usr/bin/env bash
# Every command has a --help that begins with its own usage, and refuses what it does not know.
set -euo pipefail
mapfile -t commands < <(./dev --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
[ ${#commands[@]} -ge 5 ]
for command in "${commands[@]}"; do
    ./dev "$command" --help | head -n 1 | grep -F "Usage: ./dev $command"
    code=0
    ./dev "$command" --no-such-option 2>/dev/null || code=$?
    [ "$code" -eq 2 ]
done
code=0
./dev no-such-command 2>/dev/null || code=$?
[ "$code" -eq 2 ]
