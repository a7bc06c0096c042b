#!/usr/bin/env bash
# exported.sh LIST LIBRARY - the library exports what the list has, nothing else, each under its release.
set -euo pipefail
export LC_ALL=C
listed=$(sed -n 's/^\([0-9.]*\) \(.*\)$/\2@@DIALOGS_\1/p' "$1" | sort)
[ "$(wc -l <<<"$listed")" -gt 50 ]
diff <(echo "$listed") <(nm -D --defined-only "$2" | awk '$2 != "A" { print $3 }' | sort)
