#!/usr/bin/env bash
# archive.sh HEADER LIBRARY - the static library shows what the header declares, and hides the rest.
set -euo pipefail
export LC_ALL=C
declared=$("$(dirname "$0")/declared.sh" "$1")
[ "$(wc -l <<<"$declared")" -gt 50 ]
diff <(echo "$declared") <(nm --extern-only --defined-only "$2" | awk 'NF == 3 { print $3 }' | sort)
