#!/usr/bin/env bash
# The README's other command: the static library, without the shared one being there.
source "$(dirname "$0")/common.sh"
cp -r "$prefix" "$work/static"
rm "$work/static/${libdir#"$prefix"/}"/libdialogs.so*
export PKG_CONFIG_PATH=$work/static/${libdir#"$prefix"/}/pkgconfig
read -ra flags < <(pkg-config --static --cflags --libs libdialogs)
cc "${strict[@]}" -o "$work/hello" "$work/hello.c" "${flags[@]}"
check_hello "$work/hello"
