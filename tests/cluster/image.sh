#!/usr/bin/env bash
# image.sh FILE... - the Dockerfile, as far as it can be judged without an engine: its last stage installs the packages
# of the libraries that these programs and libraries need, and no others; what the engine gets can be configured.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The packages of the shared libraries that a file names itself.
packages_of() {
    local name
    readelf -d "$@" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u | while read -r name; do
        case $name in
        libc.so.* | libm.so.* | libgcc_s.so.* | libdialogs.so.* | ld-linux*) ;;
        *) dpkg-query -S "*/$name" | head -n 1 | cut -d: -f1 ;;
        esac
    done | sort -u
}

installed=$(awk '/^FROM/ { n = 0; split("", all) } { for (i = 1; i <= NF; i++) if ($i ~ /^lib/) all[n++] = $i }
    END { for (i = 0; i < n; i++) print all[i] }' Dockerfile | sort -u)
diff <(packages_of "$@") <(echo "$installed")

# What .dockerignore leaves: everything that is copied is there, and it is enough for the first stage.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
grep -v '^#' .dockerignore | sed 's|^\*\*/|*/|; t; s|^|./|' >"$work/ignored"
mkdir "$work/context"
tar -c --exclude-from="$work/ignored" . | tar -xC "$work/context"
cd "$work/context"
[ ! -e .git ] && [ ! -e build ]
mapfile -t copied < <(sed -n 's/^COPY \([^-][^ ]*\) .*/\1/p' Dockerfile)
[ ${#copied[@]} -ge 4 ]
ls -d "${copied[@]}"
for script in packaging/docker/*.sh; do
    [ -x "$script" ]
done
read -ra configure < <(grep -o 'cmake --preset [^&\\]*' Dockerfile)
"${configure[@]}"
