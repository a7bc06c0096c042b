#!/usr/bin/env bash
# docker-entrypoint.sh postgres [ARGUMENT...] - what the image of Citus does before it becomes the server: as root it
# becomes postgres; a new data directory gets the user, the database and the extension. PGPASSWORD stays for the nodes.
set -euo pipefail

if [ "$(id -u)" -eq 0 ]; then
    chown -R postgres "$PGDATA" /var/run/postgresql
    exec gosu postgres "$0" "$@"
fi
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -U "$POSTGRES_USER" --pwfile=<(echo "$POSTGRES_PASSWORD")
    echo "host all all all $POSTGRES_HOST_AUTH_METHOD" >>"$PGDATA/pg_hba.conf"
    printf '%s\n' "listen_addresses = '*'" "shared_preload_libraries = 'citus'" >>"$PGDATA/postgresql.conf"
    pg_ctl -D "$PGDATA" -o '-c listen_addresses=' -w start
    psql -Xq -U "$POSTGRES_USER" -d postgres -c "CREATE DATABASE $POSTGRES_DB"
    psql -Xq -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c 'CREATE EXTENSION citus'
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
