#!/usr/bin/env bash
# debian_build.sh BUILD - builds the Debian packages, as docs/install.md says, into BUILD/packages.
set -euo pipefail
rm -rf "$1/packages"
cmake --preset debian -B "$1" --log-level=WARNING
cmake --build "$1" -j "$(nproc)"
(cd "$1" && cpack -G DEB)
ls "$1"/packages/*.deb
