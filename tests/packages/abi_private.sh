#!/usr/bin/env bash
# abi_private.sh - what the ABI leaves out, as abidw and abidiff want it told: the types that the headers only name.
set -euo pipefail
grep -hoP '^typedef struct \K\w+(?= \w+;)' include/dialogs/*.h | sort | while read -r name; do
    printf '[suppress_type]\n  name = %s\n  drop = yes\n' "$name"
done
