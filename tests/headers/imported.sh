#!/usr/bin/env bash
# imported.sh OBJECT... - the library never ends its caller's process and prints nothing. The one exception
# is a random number asked of a libsodium that cannot start: there is no way to answer.
set -euo pipefail
imported=$(nm -A --undefined-only "$@" | awk '{ sub(".*/", "", $1); sub(":.*", "", $1); print $1, $NF }')
grep -q ' malloc$' <<<"$imported"
forbidden='exit|quick_exit|abort|__assert_fail|err|errx|raise|printf|__printf_chk|puts|putchar|perror|stdout|stderr|psignal'
unexpected=$(grep -E " ($forbidden)\$" <<<"$imported" | grep -vx 'uuid.c.o abort' || true)
[ -z "$unexpected" ] || { echo "$unexpected" && exit 1; }
