#!/bin/sh
# role.sh - makes the role that the service connects as, when the tables are there, and tells each node its password.
# Workers that come later hear it from register.sh.
#
#   COORDINATOR_HOST, COORDINATOR_PORT   where the coordinator is
#   PGUSER, PGPASSWORD, PGDATABASE       a superuser, as for psql
#   SERVICE_ROLE, SERVICE_PASSWORD       the role (dialogsd) and its password
set -eu
here=$(dirname "$0")
coordinator=${COORDINATOR_HOST:-coordinator}
port=${COORDINATOR_PORT:-5432}

# run HOST PORT SCRIPT
run() {
    psql -Xq -h "$1" -p "$2" -v role="${SERVICE_ROLE:-dialogsd}" -f "$here/$3"
}

run "$coordinator" "$port" service_role.sql
run "$coordinator" "$port" authinfo.sql
psql -XqAt -F ' ' -h "$coordinator" -p "$port" -c 'SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0' |
    while read -r worker worker_port; do
        run "$worker" "$worker_port" authinfo.sql
    done
