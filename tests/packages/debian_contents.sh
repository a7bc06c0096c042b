#!/usr/bin/env bash
# debian_contents.sh BUILD - each package has its own things and asks for what they need.
set -euo pipefail
packages=$1/packages
version=$(sed -n 's/^#define DLG_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/dialogs/base.h | paste -sd.)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

file_of() {
    echo "$packages/$1_$version-1_$(dpkg --print-architecture).deb"
}

# asks PACKAGE FIELD PATTERN...: each pattern is one of the field's relations.
asks() {
    local package=$1 field=$2 relations pattern
    shift 2
    relations=$(dpkg-deb -f "$(file_of "$package")" "$field" | sed 's/, /\n/g')
    for pattern in "$@"; do
        grep -xE "$pattern" <<<"$relations" || { echo "$package: no $field on $pattern, only: $relations" && exit 1; }
    done
}

# has PACKAGE MODE PATH...
has() {
    local package=$1 mode=$2 list path
    shift 2
    list=$(dpkg-deb -c "$(file_of "$package")")
    for path in "$@"; do
        grep -E "^$mode root/root .* \./$path( ->.*)?\$" <<<"$list" || { echo "$package: no $path of mode $mode" && exit 1; }
    done
}

exactly="libdialogs0 \\(= ${version//./\\.}-1\\)"
at_least="libdialogs0 \\(>= ${version//./\\.}\\)"
asks libdialogs0 Depends 'libc6 .*' 'libjansson4 .*' 'libmsgpackc2 .*' 'libpq5 .*' 'libsodium23 .*'
asks libdialogs-dev Depends "$exactly" libjansson-dev libmsgpack-dev libpq-dev libsodium-dev
asks dialogsd Depends "$at_least" adduser 'libc6 .*' 'libjansson4 .*' 'libmicrohttpd12 .*'
asks dialogsd Recommends postgresql
asks dlgctl Depends "$at_least" 'libc6 .*' 'libcsv3 .*' 'libsodium23 .*'
asks python3-dialogs Depends "$at_least" 'python3 \(>= 3\.[0-9]+\)' 'python3 \(<< 3\.[0-9]+\)' 'libc6 .*'

lib=usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)
has libdialogs0 -rw-r--r-- "$lib/libdialogs.so.$version"
has libdialogs0 lrwxrwxrwx "$lib/libdialogs.so.0"
has libdialogs-dev lrwxrwxrwx "$lib/libdialogs.so"
has libdialogs-dev -rw-r--r-- usr/include/dialogs.h usr/include/dialogs/base.h "$lib/libdialogs.a" "$lib/pkgconfig/libdialogs.pc" \
    "$lib/cmake/dialogs/dialogs-config.cmake" usr/share/libdialogs/swig/dialogs.i
has dialogsd -rwxr-xr-x usr/bin/dialogsd
has dialogsd -rw-r----- etc/dialogsd/dialogsd.env
has dialogsd -rw-r--r-- lib/systemd/system/dialogsd.service usr/share/dialogsd/swagger/index.html \
    usr/share/man/man8/dialogsd.8.gz
has dlgctl -rwxr-xr-x usr/bin/dlgctl
has dlgctl -rw-r--r-- usr/share/man/man1/dlgctl.1.gz
has python3-dialogs -rw-r--r-- usr/lib/python3/dist-packages/dialogs/__init__.py \
    'usr/lib/python3/dist-packages/dialogs/_native\.cpython-.*\.so'

# What other packages learn of the library, and what dpkg keeps of an operator's changes.
[ "$(dpkg-deb --ctrl-tarfile "$(file_of libdialogs0)" | tar -xO ./shlibs)" = "libdialogs 0 libdialogs0 (>= $version-1)" ]
[ "$(dpkg-deb --ctrl-tarfile "$(file_of dialogsd)" | tar -xO ./conffiles)" = /etc/dialogsd/dialogsd.env ]

# The unit is one that systemd takes, and lets the service do little.
dpkg -x "$(file_of dialogsd)" "$root"
unit=$root/dialogsd.service
sed "s,=/usr/bin/dialogsd,=$root/usr/bin/dialogsd," "$root/lib/systemd/system/dialogsd.service" >"$unit"
complaints=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F dialogsd.service || true)
[ -z "$complaints" ] || { echo "$complaints" && exit 1; }
systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" | tail -n 1
