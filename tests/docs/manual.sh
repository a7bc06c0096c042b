#!/usr/bin/env bash
# manual.sh PAGE PROGRAM - the manual page is well formed, and has the options and commands of the program's --help,
# all of them and no others.
set -euo pipefail
page=$1 program=$2
complaints=$(groff -mandoc -ww -z "$page" 2>&1)
[ -z "$complaints" ] || { echo "$complaints" && exit 1; }

commands=$("$program" --help | sed -n '/^Commands/,/^$/s/^  \([a-z]* \?[a-z-]*\) .*/\1/p' | sed 's/ *$//' | sort)
helps() {
    "$program" --help
    while read -ra words; do
        [ ${#words[@]} -eq 0 ] || "$program" "${words[@]}" --help
    done <<<"$commands"
}
diff <(sed -n 's/^\.It Cm \([a-z]* \?[a-z-]*\).*/\1/p' "$page" | sed 's/ *$//' | sort) <(grep . <<<"$commands" || true)
diff <(sed -n 's/^\.It Fl -\([a-z-]*\).*/  --\1/p' "$page" | sort -u) \
    <(helps | grep -oE '^ +--[a-z-]+' | sed 's/^ */  /' | sort -u)
