#!/usr/bin/env bash
# abi.sh LIBRARY - programs that were linked with the last version, by its tag, run with this one: abidiff compares the
# two libraries by their debug information. New functions and new values of enums are fine. A struct that has grown is
# not, unless the header says that it may; then it is named here, as abidiff's --suppressions wants it.
set -euo pipefail
git=(git -c "safe.directory=$PWD")
tag=$("${git[@]}" describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null) || {
    echo 'SKIP there is no tag of an earlier version yet'
    exit 0
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/source"
"${git[@]}" archive "$tag" | tar -x -C "$work/source"
cmake -S "$work/source" -B "$work/build" -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS=-O2 -DDIALOGS_SERVICE=OFF -DDIALOGS_TESTS=OFF -DDIALOGS_EXAMPLES=OFF
cmake --build "$work/build" --target dialogs

echo "compared with $tag"
abidiff --fail-no-debug-info --no-added-syms --headers-dir1 "$work/source/include" \
    --headers-dir2 include "$work/build/src/libdialogs.so" "$1"
