#!/usr/bin/env bash
# debian_lintian.sh BUILD - Debian's own check finds neither an error nor a warning. A package that is not uploaded to
# Debian closes no bug there.
set -euo pipefail
options=(--no-cfg --fail-on "error,warning" --suppress-tags initial-upload-closes-no-bugs)
[ "$(id -u)" -ne 0 ] || options+=(--allow-root)
lintian "${options[@]}" "$1"/packages/*.deb
