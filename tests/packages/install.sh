#!/usr/bin/env bash
# install.sh CMAKE BUILD PREFIX - installs, then moves the tree to PREFIX: an installed copy may be moved.
set -euo pipefail
rm -rf "$3" "$3.first"
"$1" --install "$2" --prefix "$3.first"
mv "$3.first" "$3"
