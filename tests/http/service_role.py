"""dialogsd as the role that owns nothing answers every call of the document: service_role.py DIALOGSD SCRIPT NODE CONTRACT...

SCRIPT makes the role; NODE CONTRACT... is the test of the document, which is given the options of this dialogsd."""

import os
import shutil
import subprocess
import sys

from service import Dialogsd, make_home

REFUSED = ("DELETE FROM dialogs", "UPDATE dialogs SET text = ''", "TRUNCATE dialogs", "DROP TABLE dialogs", "DELETE FROM users",
           "ALTER TABLE users ADD COLUMN x int", "INSERT INTO dlg_schema VALUES (99)", "CREATE TABLE mine (x int)",
           "SELECT pg_read_file('PG_VERSION')")


def psql(conninfo, *words):
    return subprocess.run(["psql", "-XqAt", conninfo, "-v", "ON_ERROR_STOP=1", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


def check_rights(conninfo):
    for statement in REFUSED:
        done = psql(conninfo, "-c", statement)
        assert done.returncode and ("denied" in done.stdout or "must be owner" in done.stdout), (statement, done.stdout)


def main():
    program, script, *contract = sys.argv[1:]
    home = make_home()
    try:
        with Dialogsd(program, home=home):  # installs the tables in a server of its own
            where = f"host={home}/data/db/run dbname=postgres"
            done = psql(f"{where} user=dialogs", "-v", "role=dialogsd", "-f", script)
            assert done.returncode == 0, done.stdout
            check_rights(f"{where} user=dialogsd")
            subprocess.run([*contract, "--db", f"{where} user=dialogsd"], check=True, timeout=500)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    os.environ.pop("PGOPTIONS", None)
    main()
