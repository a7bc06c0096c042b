"""bulk_import.py - loads many messages from CSV on standard input. In the public domain.

    bulk_import.py CONNINFO <messages.csv    columns: id, author, recipient, created (ISO 8601 with a time zone), text

Rows with existing ids are skipped. An interrupted import may run again.
"""
import csv
import datetime
import sys

import dialogs

if len(sys.argv) != 2:
    sys.exit("usage: bulk_import.py CONNINFO <messages.csv")
with dialogs.open(sys.argv[1]) as db, db.loader() as loader:
    for number, row in enumerate(csv.DictReader(sys.stdin), 1):
        try:
            loader.message(row["author"], row["recipient"], row["text"], id=int(row["id"]),
                           created=datetime.datetime.fromisoformat(row["created"]))
        except (KeyError, TypeError, ValueError) as error:
            sys.exit(f"row {number}: {error!r}; mend it and run it again: what is stored already is skipped")
        if number % 10000 == 0:
            print(number, "rows", file=sys.stderr)
    loader.flush()
    print(loader.progress.messages, "rows,", loader.progress.skipped, "of them there already")
