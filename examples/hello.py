"""hello.py - the five calls: open, auth, send, list, close. In the public domain."""
import sys

import dialogs

ANNA = "387ac1c1-6581-4ace-a113-707c8585fe28"
BORIS = "aa45b640-d501-4101-83f2-de96b672129f"


def user(db, id, name):
    """Creates the user with this id and the password "string", unless there is one."""
    try:
        db.users.create("string", id=id, first_name=name)
    except dialogs.ExistsError:
        pass


with dialogs.open(sys.argv[1] if len(sys.argv) > 1 else "embedded:./data") as db:
    user(db, ANNA, "Anna")
    user(db, BORIS, "Boris")
    print("Anna's token:", db.auth(ANNA, "string"))
    db.send(ANNA, BORIS, "Hello, Boris")
    for message in db.list(ANNA, BORIS):
        print(message.text)
