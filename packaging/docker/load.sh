#!/bin/sh
# load.sh - loads demo data once the service is ready. The same data every time: what is there already is left alone.
#
#   DIALOGSD_DB     the database, as libpq takes it
#   SERVICE         where the service is, http://app:5000
#   SERVICE_WAIT    for how many seconds at most to wait for it
#   LOAD_USERS, LOAD_MESSAGES, LOAD_PASSWORD   how much, and the password of all these users (string)
#   PUBLISH         the address on which the service is published (127.0.0.1)
set -eu
. "${DIALOGS_SCRIPTS:-/usr/local/share/dialogs}/published.sh"

if is_published && [ -z "${LOAD_PASSWORD-}" ]; then
    echo "load: the service is published on $PUBLISH, and everybody knows the password of demo users: choose LOAD_PASSWORD" >&2
    exit 1
fi

service=${SERVICE:-http://app:5000}
left=${SERVICE_WAIT:-300}
until curl -fsS -o /dev/null "$service/readyz" 2>/dev/null; do
    if [ "$left" -le 0 ]; then
        echo "load: $service/readyz does not say that the service is ready: see what the service writes" >&2
        exit 1
    fi
    left=$((left - 1))
    sleep 1
done

exec dlgctl load --db "$DIALOGSD_DB" --quiet --seed 1 --users "${LOAD_USERS:-1000}" \
    --generate "${LOAD_MESSAGES:-20000}" --password-file - <<END
${LOAD_PASSWORD:-string}
END
