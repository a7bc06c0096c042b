#!/usr/bin/env bash
# debian_unpacked.sh BUILD - the tests of the installed library again, on what the packages hold, unpacked in a clean
# directory; this also works where debian_root.sh does not.
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
for package in "$1"/packages/*.deb; do
    dpkg -x "$package" "$root"
done
LD_LIBRARY_PATH=$(dirname "$(find "$root" -name libdialogs.a)")
export LD_LIBRARY_PATH DIALOGSD_PAGES=$root/usr/share/dialogsd/swagger
for test in shared static names cmake programs reference; do
    "tests/packages/$test.sh" "$root/usr"
done
