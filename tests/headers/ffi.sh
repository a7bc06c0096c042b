#!/usr/bin/env bash
# ffi.sh INCLUDE LIBRARY - the header as it stands serves LuaJIT.
set -euo pipefail
command -v luajit >/dev/null || { echo 'SKIP luajit is not installed' && exit 0; }
luajit "$(dirname "$0")/ffi.lua" "$1" "$2"
