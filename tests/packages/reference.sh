#!/usr/bin/env bash
# reference.sh PREFIX - the installed reference has every function of the header, with what the header says of it.
source "$(dirname "$0")/common.sh"
html=$(dirname "$(find "$prefix/share/doc" -path '*/html/index.html' | grep .)")
missing=$(comm -13 <(grep -ohE 'dlg_[a-z0-9_]+\(\)</h2>' "$html"/group__*.html | sed 's/().*//' | sort -u) \
    <(tests/headers/declared.sh include/dialogs.h | LC_ALL=C sort -u))
[ -z "$missing" ] || { echo "not in the reference: $missing" && exit 1; }

# says WORDS PAGE...: in the text of the pages, without their marks.
says() {
    local words=$1
    shift
    sed 's/<[^>]*>//g' "$@" | tr -s '\n ' ' ' | grep -cF -- "$words"
}
says 'Stores one message, exactly once, and returns when it is committed' "$html"/group__*.html
says 'a parameter is missing, malformed or out of its range' "$html"/group__*.html
says 'never edited' "$html/structdlg__message.html"
says 'A client may be used by any number of threads' "$html/index.html"
