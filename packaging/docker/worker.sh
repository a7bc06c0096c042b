#!/bin/sh
# worker.sh [ARGUMENT...] - what the container of a worker runs: PostgreSQL with these arguments, as the image would,
# and beside it, until that is done, the registration with the coordinator.
set -eu
rm -f "${REGISTERED:-/tmp/registered}"

# In a subshell of its own, so that PostgreSQL does not become the parent of a process that it does not know.
(sh "$(dirname "$0")/register.sh" &)
exec docker-entrypoint.sh postgres "$@"
