#!/bin/sh
# coordinator.sh [ARGUMENT...] - what the container of the coordinator runs: PostgreSQL with these arguments, as the image
# would, unless others could reach it with a password that everybody knows.
#
#   PUBLISH                              the address on which its port is published (127.0.0.1)
#   POSTGRES_PASSWORD, SERVICE_PASSWORD  of the superuser and of the service's role
set -eu
. "$(dirname "$0")/published.sh"

known() {
    echo "coordinator: port 5432 is published on $PUBLISH, and $1 is what everybody knows: choose one (docs/cluster.md)" >&2
    exit 1
}

if is_published; then
    [ "${POSTGRES_PASSWORD:-highload}" != highload ] || known POSTGRES_PASSWORD
    [ "${SERVICE_PASSWORD:-dialogsd}" != dialogsd ] || known SERVICE_PASSWORD
    [ "$POSTGRES_PASSWORD" != "$SERVICE_PASSWORD" ] || known 'SERVICE_PASSWORD, the same as POSTGRES_PASSWORD,'
fi
exec docker-entrypoint.sh postgres "$@"
