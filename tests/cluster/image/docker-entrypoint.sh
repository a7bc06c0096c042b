#!/usr/bin/env bash
# docker-entrypoint.sh postgres [ARGUMENT...] - stands in for the one of the Citus image where there are no containers:
# a new data directory gets the user, the database and the extension; then it becomes the server.
set -euo pipefail
bin=$("${DLG_POSTGRES_BIN:+$DLG_POSTGRES_BIN/}pg_config" --bindir)
umask 077
as=()
[ "$(id -u)" -ne 0 ] || as=(env HOME=/ setpriv --reuid postgres --regid postgres --init-groups)

initialize() {
    "${as[@]}" tee "$PGDATA.password" <<<"$POSTGRES_PASSWORD" >/dev/null
    "${as[@]}" "$bin/initdb" -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$PGDATA.password" --no-sync \
        --auth-local=trust --auth-host="$POSTGRES_HOST_AUTH_METHOD" >/dev/null
    "${as[@]}" tee -a "$PGDATA/postgresql.conf" >/dev/null <<END
shared_preload_libraries = 'citus'
unix_socket_directories = '$PGDATA'
shared_buffers = 32MB
fsync = off
END
    "${as[@]}" "$bin/pg_ctl" -D "$PGDATA" -o '-c listen_addresses=' -l "$PGDATA/init.log" -w start >/dev/null
    psql -X -h "$PGDATA" -d postgres -c "CREATE DATABASE $POSTGRES_DB"
    psql -X -h "$PGDATA" -d "$POSTGRES_DB" -c 'CREATE EXTENSION citus'
    "${as[@]}" "$bin/pg_ctl" -D "$PGDATA" -m fast -w stop >/dev/null
}

cd /
[ "$1" = postgres ]
shift
[ -e "$PGDATA/PG_VERSION" ] || initialize
exec "${as[@]}" "$bin/postgres" -D "$PGDATA" "$@"
