#!/usr/bin/env bash
# The C program in README.md is examples/hello.c.
set -euo pipefail
shown=$(awk '/^```c$/ { show = 1; next } /^```$/ { if (show) exit } show' README.md)
diff <(echo "$shown") examples/hello.c
