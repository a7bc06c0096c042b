#!/usr/bin/env bash
# swig.sh HEADER - SWIG wraps the bare header, without a define and without a warning: every function, and
# DLG_NTS; for Python and for languages of other kinds.
set -euo pipefail
command -v swig >/dev/null || { echo 'SKIP swig is not installed' && exit 0; }
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
swig -python -Werror -module bare -outdir "$work" -o "$work/bare_wrap.c" "$1"
"$(dirname "$0")/declared.sh" "$1" >"$work/declared"
diff "$work/declared" <(sed -n 's/^def \(dlg_[a-z0-9_]*\)(.*/\1/p' "$work/bare.py" | sort)
grep -q '^DLG_NTS = ' "$work/bare.py"
for language in java csharp lua perl5 tcl r; do
    mkdir "$work/$language"
    swig "-$language" -Werror -module bare -outdir "$work/$language" -o "$work/$language/bare_wrap.c" "$1"
    diff "$work/declared" <(grep -o '\bdlg_[a-z0-9_]*(' "$work/$language/bare_wrap.c" | tr -d '(' | sort -u |
        grep -xFf "$work/declared")
done
