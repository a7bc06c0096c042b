#!/usr/bin/env bash
# abi.sh FILE LIBRARY - programs that were linked with the last release run with this library. FILE is the ABI of that
# release, written by the target `abi`; abidiff compares it with the library's debug information. New functions and new
# values of enums are fine. A change that the struct's version allows is written into FILE by `abi`, and reviewed there.
set -euo pipefail
private=$(mktemp)
trap 'rm -f "$private"' EXIT
"$(dirname "$0")/abi_private.sh" >"$private"
grep -q "elf-symbol name='dlg_open'" "$1"
abidiff --suppressions "$private" --fail-no-debug-info --no-added-syms "$1" "$2" ||
    { echo "run: cmake --build --preset dev --target abi, when the change is meant" && exit 1; }
