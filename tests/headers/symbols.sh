#!/usr/bin/env bash
# symbols.sh HEADER LIST - the list has each function that the header declares, once, and no other; releases ascend.
set -euo pipefail
export LC_ALL=C
declared=$("$(dirname "$0")/declared.sh" "$1")
[ "$(wc -l <<<"$declared")" -gt 50 ]
listed=$(grep '^[0-9]' "$2")
diff <(echo "$declared") <(cut -d' ' -f2 <<<"$listed" | sort)
diff <(echo "$listed") <(sort -s -V -k1,1 <<<"$listed")
