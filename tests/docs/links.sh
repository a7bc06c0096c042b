#!/usr/bin/env bash
# shellcheck disable=SC2016 # Backquotes are what the documents put around code.
# Every relative link in the documents leads to a file, and its anchor to a heading of that file. Every path of this
# repository that they name is there.
set -euo pipefail
shopt -s globstar
broken=0

# The anchors that a forge makes of a document's headings.
anchors() {
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
    while read -r path; do
        compgen -G "$path" >/dev/null || complain "$document: there is no $path"
    done < <(grep -oP '`\K(src|service|tests|tools|include|bindings|examples|packaging|sql|cmake|docs)/[^` ]*(?=`)' "$document")
done
exit $broken
