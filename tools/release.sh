#!/usr/bin/env bash
# release.sh - makes a release of this clone: version, changelog, commit, tag, packages. It pushes nothing.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: tools/release.sh [--dry-run] [--no-packages] VERSION

Releases VERSION (MAJOR.MINOR.PATCH) from the current commit:

  1. checks that the clone is clean, the tag is new, and the changelog has something to release
  2. sets the version in the header and wherever else it stands
  3. dates the changelog's section and begins a new one, and notes the checksums of the migrations
  4. commits, and tags the commit vVERSION
  5. builds the Debian packages with cpack

  --dry-run      shows the changes of 2 and 3 and stops; the clone stays as it is
  --no-packages  leaves out 5

Nothing is pushed. DATE in the environment (2026-01-31) replaces today's date.
USAGE
}

die() {
    printf 'release: %s\n' "$*" >&2
    exit 1
}

# ---- Checks -------------------------------------------------------------------------------------

# The header that has the version: the umbrella or one of its parts.
find_header() {
    local found
    mapfile -t found < <(grep -rl '^#define DLG_VERSION_MAJOR ' include)
    [ ${#found[@]} -eq 1 ] || die "expected one header with DLG_VERSION_MAJOR in include/, found ${#found[@]}"
    header=${found[0]}
}

number_of() {
    sed -n "s/^#define DLG_VERSION_$1 \([0-9]*\).*/\1/p" "$header"
}

# The new version may be the present one, when that was never tagged, or a later one.
check_version() {
    [[ $version =~ ^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$ ]] ||
        die "\"$version\" is no version: give MAJOR.MINOR.PATCH, such as 0.2.0"
    ! git rev-parse -q --verify "refs/tags/v$version" >/dev/null ||
        die "the tag v$version exists: choose a later version"
    [ "$(printf '%s\n' "$current" "$version" | sort -V | tail -n 1)" = "$version" ] ||
        die "$version is older than $current, the version in $header"
}

check_clone() {
    [ -z "$(git status --porcelain --untracked-files=no)" ] ||
        die "the clone has changes that are not committed: commit or stash them first"
    [ "$(grep -c '^## \[Unreleased\]' CHANGELOG.md)" -eq 1 ] ||
        die "CHANGELOG.md needs one section \"## [Unreleased]\""
    sed '1,/^## \[Unreleased\]/d; /^## /,$d' CHANGELOG.md | grep -q '^\* ' ||
        die "CHANGELOG.md has nothing under \"## [Unreleased]\": say what is new"
}

# ---- Changes ------------------------------------------------------------------------------------

# Every number of the version that is not computed from the header.
set_version() {
    local major minor patch
    IFS=. read -r major minor patch <<<"$version"
    sed -i -e "s/^\(#define DLG_VERSION_MAJOR\) .*/\1 $major/" -e "s/^\(#define DLG_VERSION_MINOR\) .*/\1 $minor/" \
        -e "s/^\(#define DLG_VERSION_PATCH\) .*/\1 $patch/" "$header"
    sed -i "s/find_package(dialogs [0-9]*\.[0-9]* /find_package(dialogs $major.$minor /" README.md docs/install.md
    sed -i "s/libdialogs:[0-9]*\.[0-9]*\.[0-9]*/libdialogs:$version/" Dockerfile docker-compose.yml
}

date_changelog() {
    sed -i "s/^## \[Unreleased\].*/## [Unreleased]\n\n## [$version] - $day/" CHANGELOG.md
}

# Debian's own changelog: a new entry above the older ones, or the present one with the date of the release.
date_debian() {
    local file=packaging/debian/changelog maintainer entry
    maintainer=$(sed -n 's/^ -- \(.*>\)  .*/\1/p' "$file" | head -n 1)
    entry="libdialogs ($version-1) bookworm; urgency=medium

  * Version $version; see CHANGELOG.md.

 -- $maintainer  $(LC_ALL=C date -u -d "$day 12:00" '+%a, %d %b %Y %H:%M:%S +0000')"
    if head -n 1 "$file" | grep -qF "($version-1)"; then
        sed -i "0,/^ -- /s/^ -- .*/$(tail -n 1 <<<"$entry")/" "$file"
    else
        printf '%s\n\n%s\n' "$entry" "$(cat "$file")" >"$file"
    fi
}

# Databases out there will have run these migrations: a test sees to it that they stay as they are.
freeze_migrations() {
    (cd sql && sha256sum [0-9]*.sql >released.sha256)
}

build_packages() {
    cmake --preset debian --log-level=WARNING
    cmake --build --preset debian -j "$(nproc)"
    cpack --preset debian
}

# ---- Main ---------------------------------------------------------------------------------------

dry_run=no packages=yes version=
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) dry_run=yes ;;
    --no-packages) packages=no ;;
    -*) usage >&2 && exit 2 ;;
    *)
        [ -z "$version" ] || { usage >&2 && exit 2; }
        version=$1
        ;;
    esac
    shift
done
[ -n "$version" ] || { usage >&2 && exit 2; }

cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
day=${DATE-$(date -u +%F)}
find_header
current=$(number_of MAJOR).$(number_of MINOR).$(number_of PATCH)
check_clone
check_version

set_version
date_changelog
date_debian
freeze_migrations
if [ "$dry_run" = yes ]; then
    git --no-pager diff
    git checkout -q -- .
    echo "dry run: nothing was changed; without --dry-run this becomes the commit and the tag v$version" >&2
    exit 0
fi

git commit -q -a -m "Release $version" -m "The changelog has what is new since the last release."
git tag -a "v$version" -m "libdialogs $version"
[ "$packages" = no ] || build_packages
echo "released $version; to publish it: git push --follow-tags" >&2
