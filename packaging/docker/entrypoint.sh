#!/bin/sh
# entrypoint.sh COMMAND [ARGUMENT...] - what containers of our image run: a command that is told its database.
#
#   DIALOGSD_DB        the database, as libpq takes it; without it, the coordinator's
#   COORDINATOR_HOST   the coordinator, reached as PGUSER, PGPASSWORD, PGDATABASE say
#   COORDINATOR_WAIT   for how many seconds at most to wait until there is a host of this name
set -eu

# Ours that need no database, or name one.
case ${1-} in
dialogsd | dlgctl)
    case "$* " in
    *' --help '* | *' --version '* | *' --db '* | *' --db='*) exec "$@" ;;
    esac
    ;;
esac

if [ -z "${DIALOGSD_DB-}" ]; then
    coordinator=${COORDINATOR_HOST:-coordinator}
    left=${COORDINATOR_WAIT:-30}
    until getent ahosts "$coordinator" >/dev/null; do
        if [ "$left" -le 0 ]; then
            echo "There is no database: start the cluster too, with --profile citus, or name another in DIALOGSD_DB." >&2
            exit 1
        fi
        left=$((left - 1))
        sleep 1
    done
    export DIALOGSD_DB="host=$coordinator"
fi
exec "$@"
