"""A crowd searches for users as fast as it can, and lists, sends and logins go on: searches.py DIALOGSD"""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse

from service import Dialogsd

ANNA = "387ac1c1-6581-4ace-a113-707c8585fe28"
BORIS = "aa45b640-d501-4101-83f2-de96b672129f"
USERS = 150000
SEARCHES = [("", ""), ("", "zzzz"), ("", "S"), ("A", ""), ("A", "B"), ("J", "zzzz"), ("\U0010ffff", ""), ("a" * 1000, "")]


def call(port, method, path, body=None, token=None, source="127.0.0.1"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def search(port, first, last, source="127.0.0.1"):
    query = urllib.parse.urlencode({"first_name": first, "last_name": last})
    return call(port, "GET", f"/user/search?{query}", source=source)


class Crowd:
    def __init__(self, port, threads):
        self.port, self.ending, self.statuses = port, False, {}
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(threads)]

    def run(self, number):
        while not self.ending:
            status, _ = search(self.port, *SEARCHES[number % len(SEARCHES)], source="127.0.0.2")
            self.statuses[status] = self.statuses.get(status, 0) + 1
            number += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        for thread in self.threads:
            thread.join()


def login(port):
    status, body = call(port, "POST", "/login", {"id": ANNA, "password": "string"})
    assert status == 200, (status, body)
    return json.loads(body)["token"]


def bystander(port):
    token = login(port)
    for number in range(40):
        for method, path, body in (("POST", f"/dialog/{BORIS}/send", {"text": str(number)}),
                                   ("GET", f"/dialog/{BORIS}/list?limit=5", None)):
            status, answer = call(port, method, path, body, token)
            assert status == 200, (path, status, answer)
        if number % 10 == 0:
            token = login(port)
            status, answer = search(port, "A", "A")
            assert status == 200, (status, answer)


def main(program):
    with Dialogsd(program, "--set", "hash_memory_kib=8", "--set", "timeout_ms=5000") as service:
        tool = os.path.join(os.path.dirname(program), "dlgctl")
        subprocess.run([tool, "--data", os.path.join(service.home, "data"), "--quiet", "load", "--generate", "1000",
                        "--users", str(USERS), "--seed", "1"], check=True, stdout=subprocess.DEVNULL)
        with Crowd(service.port, 64) as crowd:
            time.sleep(1)
            bystander(service.port)
        answered = sum(crowd.statuses.values())
        print(f"{answered} searches: {crowd.statuses}")
        assert set(crowd.statuses) <= {200, 503} and crowd.statuses.get(200, 0) >= 64, crowd.statuses
        status, body = search(service.port, "", "zzzz")
        assert (status, body) == (200, b"[]"), (status, body)


main(*sys.argv[1:])
