#!/usr/bin/env bash
# base_interface.sh INTERFACE INCLUDE_DIR LIBRARY PYTHON - the base for other languages is taken by SWIG without a warning for
# each of them. Python stands for a language with nothing added to it: a conversation.
set -euo pipefail
command -v swig >/dev/null || { echo 'SKIP swig is not installed' && exit 0; }
export LC_ALL=C.UTF-8
interface=$1 include=$2 library=$3 python=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for language in java csharp lua perl5 tcl r python; do
    mkdir "$work/$language"
    swig "-$language" -Werror "-I$include" -outdir "$work/$language" -o "$work/$language/wrap.c" "$interface"
done
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -e "$headers/Python.h" ] || { echo 'SKIP python3-dev is not installed' && exit 0; }
cc -shared -fPIC -w "-I$include" "-I$headers" "$work/python/wrap.c" "$library" "-Wl,-rpath,$(dirname "$library")" \
    -o "$work/python/_dialogs.so"
"$python" "$(dirname "$0")/base_interface.py" "$work/python"
