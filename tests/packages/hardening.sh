#!/usr/bin/env bash
# hardening.sh RELEASE DEBIAN - builds the library and dlgctl by the preset "release" into RELEASE, and reads their ELF
# files and those of the packages in DEBIAN: the compiler and the linker have done what cmake/hardening.cmake asks for.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$1: $2"
    exit 1
}

# hardened FILE TYPE: position independent (a program is of the type DYN as well, and says PIE), no lazy binding.
hardened() {
    local file=$1
    readelf -hW "$file" | grep -q 'Type: *DYN' || fail "$file" "not position independent"
    readelf -lW "$file" | grep -q GNU_RELRO || fail "$file" "no RELRO"
    readelf -dW "$file" | grep -q 'FLAGS.*NOW' || fail "$file" "no BIND_NOW"
    readelf -lW "$file" | awk '/GNU_STACK/ { exit $7 ~ /E/ }' || fail "$file" "an executable stack"
    readelf -sW --dyn-syms "$file" >"$work/symbols"
    grep -q ' __stack_chk_fail@' "$work/symbols" || fail "$file" "no stack protector"
    grep -Eq ' __[a-z]+_chk@' "$work/symbols" || fail "$file" "no FORTIFY_SOURCE"
    echo "$file: good"
}

cmake --preset release -B "$1" -DDIALOGS_EXAMPLES=OFF --log-level=WARNING >/dev/null
cmake --build "$1" -j "$(nproc)" --target dialogs dlgctl
for package in "$2"/packages/*.deb; do
    dpkg -x "$package" "$work/root"
done
mapfile -t files < <(
    find "$1/src" -name 'libdialogs.so.*.*'
    echo "$1/bin/dlgctl"
    find "$work/root" -name 'libdialogs.so.*.*' -type f
    find "$work/root" -path '*/bin/*' -name 'd*' -type f
)
[ "${#files[@]}" -ge 5 ] || fail "${files[*]}" "files are missing"
for file in "${files[@]}"; do
    hardened "$file"
done
for program in "$1/bin/dlgctl" "$work/root/usr/bin/dlgctl" "$work/root/usr/bin/dialogsd"; do
    readelf -dW "$program" | grep -q 'FLAGS_1.*PIE' || fail "$program" "not PIE"
done
