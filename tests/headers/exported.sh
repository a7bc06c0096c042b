#!/usr/bin/env bash
# exported.sh HEADER LIBRARY - the library exports what the header declares, nothing else, each under
# its version.
set -euo pipefail
export LC_ALL=C
declared=$("$(dirname "$0")/declared.sh" "$1")
[ "$(wc -l <<<"$declared")" -gt 50 ]
diff <(awk '{ print $1 "@@DIALOGS_0" }' <<<"$declared") \
    <(nm -D --defined-only "$2" | awk '$2 != "A" { print $3 }' | sort)
