#!/usr/bin/env bash
# alone.sh DIR HEADER... -- COMPILER... - a file that includes nothing but one header, twice, compiles; with each.
set -euo pipefail
directory=$1
shift
headers=()
while [ "$1" != -- ]; do
    headers+=("$1")
    shift
done
shift
[ ${#headers[@]} -gt 7 ]
for header in "${headers[@]}"; do
    printf '#include <%s>\n#include <%s>\n' "$header" "$header" | "$@" -fsyntax-only "-I$directory" -
done
