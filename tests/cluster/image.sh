#!/usr/bin/env bash
# image.sh FILE... - the Dockerfile's last stage installs the packages of the libraries that these programs and libraries
# need, and no others.
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

# Everything that is copied is there, and the engine gets it.
grep -E '^COPY [^-]' Dockerfile | while read -r _ from _; do
    [ -e "$from" ]
    [ "$from" = . ] || ! grep -qxF "${from%%/*}" .dockerignore
done
for script in packaging/docker/*.sh; do
    [ -x "$script" ]
done
