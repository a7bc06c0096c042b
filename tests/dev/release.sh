#!/usr/bin/env bash
# tools/release.sh in a clone of its own: what it refuses, a dry run that changes nothing, a release.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 DATE=2031-02-03
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@example GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@example

# What the script reads, as it stands here, in a repository without a history.
git -c safe.directory='*' ls-files -z | xargs -0 tar -c --ignore-failed-read 2>/dev/null | tar -x -C "$work"
cp tools/release.sh "$work/tools/release.sh"
cd "$work"
git init -q -b main .
printf '\n## [Unreleased]: 9.0.0\n\n### Added\n\n* Something.\n' >CHANGELOG.md
git add -A
git commit -q -m 'The state to release'

# refused TEXT ARGUMENT...: the script fails, says why, and changes nothing.
refused() {
    local text=$1 said code=0
    shift
    said=$(tools/release.sh "$@" 2>&1) || code=$?
    [ "$code" -ne 0 ] || { echo "accepted: $*" && exit 1; }
    grep -F -- "$text" <<<"$said" || { echo "$*: $said" && exit 1; }
    [ -z "$(git tag)" ]
}

refused 'Usage: tools/release.sh' --no-such-option 9.1.2
refused 'Usage: tools/release.sh'
refused 'is no version' 9.1
refused 'is no version' v9.1.2
refused 'is older than' 0.0.1
echo >>README.md
refused 'not committed' 9.1.2
git checkout -q -- README.md

# A dry run shows the changes and leaves the clone as it is.
before=$(git rev-parse HEAD)
shown=$(tools/release.sh --dry-run 9.1.2 2>/dev/null)
grep -xF -- '+#define DLG_VERSION_MAJOR 9' <<<"$shown"
grep -xF -- '+## [9.1.2] - 2031-02-03' <<<"$shown"
[ -z "$(git status --porcelain)" ] && [ "$(git rev-parse HEAD)" = "$before" ] && [ -z "$(git tag)" ]

# A release is one commit with a tag; every place has the new version.
tools/release.sh --no-packages 9.1.2
[ "$(git rev-parse 'v9.1.2^{commit}')" = "$(git rev-parse HEAD)" ]
[ "$(git rev-parse HEAD^)" = "$before" ]
[ -z "$(git status --porcelain)" ]
[ "$(git log -1 --format=%s)" = 'Release 9.1.2' ]
grep -rhE '^#define DLG_VERSION_(MAJOR 9|MINOR 1|PATCH 2)$' include | wc -l | grep -x 3
grep -xF '## [Unreleased]' CHANGELOG.md
grep -xF '## [9.1.2] - 2031-02-03' CHANGELOG.md
head -n 1 packaging/debian/changelog | grep -F '(9.1.2-1)'
grep -F 'Mon, 03 Feb 2031 12:00:00 +0000' packaging/debian/changelog
grep -F 'find_package(dialogs 9.1 ' README.md docs/install.md
(cd sql && sha256sum --check --quiet --strict released.sha256)
grep -F 'libdialogs:9.1.2' Dockerfile docker-compose.yml

# Nothing new to release, then a version that is released.
code=0
said=$(tools/release.sh --no-packages 9.1.3 2>&1) || code=$?
[ "$code" -eq 1 ] && grep -F 'has nothing under' <<<"$said"
sed -i 's/^## \[Unreleased\]/&\n\n* More./' CHANGELOG.md
git commit -q -a -m 'More'
code=0
said=$(tools/release.sh --no-packages 9.1.2 2>&1) || code=$?
[ "$code" -eq 1 ] && grep -F 'the tag v9.1.2 exists' <<<"$said"
