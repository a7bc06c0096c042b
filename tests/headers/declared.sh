#!/usr/bin/env bash
# declared.sh HEADER - the functions that a header declares, with those of the headers beside and below it, sorted;
# the compiler itself reads it.
set -euo pipefail
list=$(mktemp)
trap 'rm -f "$list"' EXIT
gcc -x c -std=c11 -fsyntax-only -aux-info "$list" "$1"
sed -n "s|^/\* $(dirname "$1")/[a-z/]*\.h:.* \**\(dlg_[a-z0-9_]*\) (.*|\1|p" "$list" | sort
