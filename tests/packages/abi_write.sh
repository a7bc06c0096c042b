#!/usr/bin/env bash
# abi_write.sh FILE LIBRARY - writes the ABI of the library, as its headers show it, for abi.sh to compare with later.
set -euo pipefail
private=$(mktemp)
trap 'rm -f "$private"' EXIT
"$(dirname "$0")/abi_private.sh" >"$private"
mkdir -p "$(dirname "$1")"
abidw --suppressions "$private" --headers-dir include --drop-private-types --exported-interfaces-only \
    --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --type-id-style hash --out-file "$1" "$2"
sed -i "s| path='$PWD/| path='|" "$1"
