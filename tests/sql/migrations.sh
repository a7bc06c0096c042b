#!/usr/bin/env bash
# migrations.sh CMAKE SOURCE: the build takes migrations that are numbered without a gap, and refuses others by name.
set -euo pipefail
cmake=$1 source=$2
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cat >"$here/list.cmake" <<END
cmake_minimum_required(VERSION 3.25)
include($source/cmake/sql.cmake)
file(GLOB files $here/sql/*.sql)
dialogs_sql_migrations(text \${files})
file(WRITE $here/text "\${text}")
END

# files NAME...: makes sql/ of these; a name with a colon has the first line that follows it.
files() {
    rm -rf "$here/sql"
    mkdir "$here/sql"
    for name; do
        echo "${name#*:}" >"$here/sql/${name%%:*}"
    done
}

taken() {
    files "${@:2}"
    "$cmake" -P "$here/list.cmake"
    grep -qF -- "$1" "$here/text" || { echo "no '$1' in:"; cat "$here/text"; exit 1; }
}

refused() {
    files "${@:2}"
    if "$cmake" -P "$here/list.cmake" 2>"$here/errors"; then
        echo "taken: ${*:2}"
        exit 1
    fi
    tr -s '\n ' ' ' <"$here/errors" | grep -qF -- "$1" || { echo "no '$1' in:"; cat "$here/errors"; exit 1; }
}

taken 'sql_migration_count = 2;' 0001_a.sql 0002_b.sql feed.sql
taken '{"0002_b", sql_0002_b, sql_0002_b_distributed, false},' 0001_a.sql 0002_b.sql 0002_b.distributed.sql
taken '{"0001_a", sql_0001_a, sql_0001_a, true},' '0001_a.sql:-- no transaction'
taken 'sql_migration_count = 12;' 00{01,02,03,04,05,06,07,08,09,10,11,12}_a.sql
refused 'must have the number 2' 0001_a.sql 0003_c.sql
refused 'must have the number 2' 0001_a.sql 0001_b.sql
refused 'must have the number 1' 0000_a.sql 0001_a.sql
refused 'is named like' 1_a.sql
refused 'is named like' 0001_a.sql 0002_B.sql
refused 'no step for plain tables' 0001_a.sql 0002_b.distributed.sql
refused 'both must say' '0001_a.sql:-- no transaction' 0001_a.distributed.sql
