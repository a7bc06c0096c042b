#!/usr/bin/env bash
# The README's command: cc and pkg-config, the shared library.
source "$(dirname "$0")/common.sh"
read -ra flags < <(pkg-config --cflags --libs libdialogs)
cc "${strict[@]}" -o "$work/hello" "$work/hello.c" "${flags[@]}"
export LD_LIBRARY_PATH=$libdir
ldd "$work/hello" | grep -F "libdialogs.so.0 => $libdir/"
check_hello "$work/hello"
