#!/usr/bin/env bash
# throws.sh INCLUDE_DIR LIBRARY - an exception of C++ leaves a progress function, and the work that it was called from.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 711 "$work" # the server of a superuser runs as another
c++ -Wall -Wextra -Werror "-I$1" "$(dirname "$0")/throws.cc" "$2" "-Wl,-rpath,$(dirname "$2")" -o "$work/throws"
"$work/throws" "$work/data"
echo 'thrown twice, and closed'
