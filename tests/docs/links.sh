#!/usr/bin/env bash
# Every relative link in the documents leads to a file, and its anchor to a heading of that file.
set -euo pipefail
shopt -s globstar
broken=0

# The anchors that a forge makes of a document's headings.
anchors() {
    # shellcheck disable=SC2016 # The backquotes are those of a block of code.
    sed -n '/^```/,/^```/d; s/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

complain() {
    echo "$1"
    broken=1
}

for document in *.md docs/**/*.md bindings/python/README.md; do
    while read -r link; do
        file=$(dirname "$document")/${link%%#*}
        [ -n "${link%%#*}" ] || file=$document
        [ -e "$file" ] || { complain "$document: $link leads nowhere" && continue; }
        [[ $link != *.md#* && $link != '#'* ]] || anchors "$file" | grep -qxF -- "${link#*#}" ||
            complain "$document: $link names no heading"
    done < <(grep -oP '\]\(\K(?!https?:)[^)]+' "$document")
done
exit $broken
