#!/usr/bin/env bash
# configuration.sh PROGRAM - docs/configuration.md is what the library's table of settings makes of it.
set -euo pipefail
diff docs/configuration.md <("$1") || { echo "run: cmake --build --preset dev --target docs" && exit 1; }
