#!/usr/bin/env bash
# Every relative link in the documents leads to a file.
set -euo pipefail
broken=0
for document in README.md CHANGELOG.md docs/*.md; do
    while read -r link; do
        [ -e "$(dirname "$document")/${link%%#*}" ] && continue
        echo "$document: $link leads nowhere"
        broken=1
    done < <(grep -oP '\]\(\K(?!https?:|#)[^)]+' "$document")
done
exit $broken
