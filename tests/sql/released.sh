#!/usr/bin/env bash
# released.sh SQL: the migrations that sql/released.sha256 lists are as they were when they were released.
set -euo pipefail

# unchanged DIRECTORY: the list names the first migrations, all of them up to some number, and their sums are right.
unchanged() {
    (
        cd "$1"
        mapfile -t listed < <(sed 's/^[0-9a-f]* [ *]//' released.sha256)
        mapfile -t present < <(ls [0-9]*.sql)
        for i in "${!listed[@]}"; do
            [ "${listed[i]}" = "${present[i]-}" ] || { echo "${listed[i]} was released, and is not there" >&2; exit 1; }
        done
        [ ${#listed[@]} -eq 0 ] || sha256sum --check --quiet --strict released.sha256
    )
}

unchanged "$1" || { echo "A released migration must stay as it is: write another one (sql/README.md)." >&2; exit 1; }

# The check itself sees what it must.
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cp "$1"/[0-9]*.sql "$here"
(cd "$here" && sha256sum [0-9]*.sql >released.sha256)
unchanged "$here"
touch "$here/9999_later.sql"
unchanged "$here"
echo "-- edited" >>"$here/0001_tables.sql"
! unchanged "$here" &>"$here/errors" || { echo "an edited migration is not seen"; exit 1; }
(cd "$here" && sha256sum [0-9]*.sql >released.sha256 && rm 0001_tables.sql)
! unchanged "$here" &>"$here/errors" || { echo "a missing migration is not seen"; exit 1; }
