#!/usr/bin/env bash
# A program that has functions of the same names as the inside of the static library.
source "$(dirname "$0")/common.sh"
cp tests/packages/names.c "$work"
read -ra flags < <(pkg-config --static --cflags --libs libdialogs | sed 's/-ldialogs/-l:libdialogs.a/')
cc "${strict[@]}" -o "$work/names" "$work/names.c" "${flags[@]}"
"$work/names"
