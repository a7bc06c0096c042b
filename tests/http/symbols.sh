#!/bin/sh
# symbols.sh PROGRAM: the program defines no function that the dynamic linker would take in place of a library's.
set -eu
names=$(nm -D --defined-only "$1" | awk '$2 ~ /^[TtWwi]$/ { print $3 }')
[ -z "$names" ] || { echo "$1 shows these functions to the dynamic linker: $names"; exit 1; }
nm -D --undefined-only "$1" | grep -q ' U epoll_wait' || { echo "nm does not see what $1 takes from the C library"; exit 1; }
